-- Behind a header the model's ghost has lines of its own; Tab inserts them all, undo takes them back as one.
local editor = require('editor')
editor = editor.open('shapes.py', editor.SHAPES)
editor:type('GoX<Esc>S        self.width = width<CR>self.height = height<CR><CR><Esc>')
local openings = { '    def area(self):', 'def area(self):' }
local ghost
for _, opening in ipairs(openings) do
  editor:type_and_settle('<Esc>Go<Esc>S' .. opening)
  ghost = editor:ghost()
  if ghost and ghost:find('\n', 1, true) then
    break
  end
end
editor:expect_true('one of the headers got a ghost with a line end in it', ghost and ghost:find('\n', 1, true))
local typed = editor:text()
editor:type('<Tab>')
editor:expect_text('Tab inserts all lines', typed .. ghost)
editor:type('<Esc>u')
editor:expect_text('undo takes them back as one', typed)
editor:quit()
