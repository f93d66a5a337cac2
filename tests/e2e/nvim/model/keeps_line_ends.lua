-- In a file with \r\n line ends, neither the ghost nor the accepted text shows a stray \r.
local file = assert(io.open('shapes.py', 'wb'))
file:write('"""Shapes."""\r\n\r\n')
file:close()
local editor = require('editor').open('shapes.py')
editor:expect('the file format', editor:lua('return vim.bo.fileformat'), 'dos')
local openings = { 'if __name__ == "__main__":', 'def __init__(self, items):', 'with open(path) as file:' }
for _, opening in ipairs(openings) do
  editor:type_and_settle('<Esc>Go<Esc>S' .. opening)
  editor:expect('\\r in the ghost, drawn as ^M', (editor:ghost() or ''):match('%^M'), nil)
  editor:type('<Tab>x')
  editor:wait('typing has gone on', function()
    return editor:text():sub(-1) == 'x'
  end)
  editor:expect('\\r in the buffer', editor:text():find('\r'), nil)
end
editor:quit()
