-- A file in a language that the model does not know is served, and stays silent.
local editor = require('editor').open('notes.txt', { 'def area(width, height):', '' })
editor:type_and_settle('jA    return')
editor:expect('no ghost', editor:ghost(), nil)
local status = editor:lua([[return vim.lsp.get_clients({ name = 'codels' })[1]:request_sync('codels/status', {}).result]])
editor:expect_true('the server has a reason', status.lastReason ~= '')
editor:type('<Tab>')
editor:expect_text('Tab is a Tab', 'def area(width, height):\n    return\t')
editor:quit()
