-- A server that comes back finds its keys as they were, former meanings included.
local editor = require('editor').open('add.txt', { '' })
local function serve(is_wanted)
  editor:lua([[vim.lsp.enable('codels', ...)]], is_wanted)
  editor:wait(is_wanted and 'codels is back' or 'codels is gone', function()
    local clients = editor:lua([[return #vim.lsp.get_clients({ bufnr = 0, method = 'textDocument/inlineCompletion' })]])
    return (clients == 1) == is_wanted
  end)
end

serve(false)
serve(true)
editor:type_for_ghost('Areturn')
editor:type('<Tab>')
editor:expect_text('Tab accepts again', 'return a + b')
editor:type('<Tab>')
editor:expect_text('and is a Tab where nothing is shown', 'return a + b\t')
editor:quit()
