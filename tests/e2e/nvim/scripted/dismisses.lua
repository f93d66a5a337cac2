-- A dismissed ghost stays away until something is typed.
local editor = require('editor').open('add.txt', { '' })
local function count_requests()
  return editor:lua('return _G.n_requests')
end
editor:lua([[
  _G.n_requests = 0
  vim.api.nvim_create_autocmd('LspRequest', { callback = function(event)
    if event.data.request.type == 'pending' then _G.n_requests = _G.n_requests + 1 end
  end })
]])

editor:type_for_ghost('Areturn')
local n_before = count_requests()
editor:type('<C-]>')
editor:wait('the ghost is gone', function()
  return editor:ghost() == nil
end)
-- Neovim asks 200 ms after a key; a second of its own clock is long enough to see that it does not.
editor:lua('vim.wait(1000)')
editor:expect('nothing was asked', count_requests(), n_before)
editor:expect('nothing is shown', editor:ghost(), nil)
editor:expect_text('nothing was inserted', 'return')
editor:type_for_ghost('<BS>n')
editor:type('<Tab>')
editor:expect_text('it comes back with typing', 'return a + b')
editor:quit()
