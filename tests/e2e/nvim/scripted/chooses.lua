-- Next and previous candidate, which Neovim numbers; the keys also ask where nothing is shown.
local editor = require('editor').open('add.txt', { '' })
local function wait_for(ghost)
  editor:wait('the ghost is ' .. ghost, function()
    return editor:ghost() == ghost
  end)
  io.write('ok ', ghost, '\n')
end

editor:type_for_ghost('Areturn')
editor:type('<M-]>')
wait_for(' sum((a, b)) (2/3)')
editor:type('<M-]>')
wait_for(' b + a (3/3)')
editor:type('<M-]>')
wait_for(' a + b (1/3)')
editor:type('<M-[>')
wait_for(' b + a (3/3)')
editor:type('<Tab>')
editor:expect_text('Tab accepts the candidate shown, without its number', 'return b + a')

editor:type_for_ghost('<Esc>Sreturn')
editor:type('<C-]>')
editor:wait('the ghost is gone', function()
  return editor:ghost() == nil
end)
editor:type('<M-]>')
wait_for(' a + b')
editor:expect_text('the keys leave the buffer alone', 'return')
editor:quit()
