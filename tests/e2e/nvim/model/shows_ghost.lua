-- Ghost text is on the screen and not in the buffer.
local editor = require('editor')
editor = editor.open('shapes.py', editor.SHAPES)
local ghost = editor:type_for_any_ghost()
local line = editor:call('nvim_get_current_line')
local row = editor:lua('return vim.fn.winline()')
editor:expect('the screen shows the ghost', vim.split(editor:screen(), '\n')[row], line .. vim.split(ghost, '\n')[1])
editor:expect('the buffer does not hold it', editor:text():match('[^\n]*$'), line)
editor:quit()
