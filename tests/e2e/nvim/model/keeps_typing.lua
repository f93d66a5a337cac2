-- A sentence that is longer than the screen is wide takes no key from whoever is typing; `:messages` has it whole.
local editor = require('editor')
local cards = vim.env.XDG_CONFIG_HOME .. '/codels/models'
vim.fn.mkdir(cards, 'p')
local broken = 'id = "broken-card-with-a-long-name"\nfamily = "none"\n'
vim.fn.writefile(vim.split(broken, '\n'), cards .. '/broken-card-with-a-long-name.toml')
editor = editor.open('shapes.py', editor.SHAPES)
editor:wait('the sentence is there', function()
  return editor:messages():find('is skipped', 1, true) ~= nil
end)
editor:expect_true('the whole sentence', editor:messages():find('codels: the model card .*broken%-card.*is skipped'))
editor:type('ggOtyped')
editor:wait('all keys have arrived', function()
  return editor:text():find('^typed\n') ~= nil
end)
