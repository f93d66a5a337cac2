-- Typing the ghost's own characters keeps the buffer right, and Tab before the next answer doubles nothing.
local editor = require('editor')
editor = editor.open('shapes.py', editor.SHAPES)
local ghost = editor:type_for_any_ghost()
local before = editor:text()

for n = 1, 2 do
  editor:type(ghost:sub(n, n))
  editor:expect_text('typed through ' .. n, before .. ghost:sub(1, n))
end

-- In one go, so that Neovim handles the Tab before it can ask for anything.
editor:type(ghost:sub(3, 3) .. '<Tab>')
editor:expect_text('Tab behind typed characters', before .. ghost)
editor:type('<Esc>')
editor:quit()
