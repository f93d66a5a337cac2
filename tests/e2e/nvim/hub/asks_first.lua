-- A model that is chosen and not on this machine: Neovim asks, shows how far it is, and it answers.
local editor = require('editor').open('app.py', { '' })
editor:lua([[
  _G.asked, _G.shown = {}, {}
  vim.ui.select = function(items, options, on_choice)
    table.insert(_G.asked, options.prompt)
    on_choice(items[1])
  end
  vim.api.nvim_create_autocmd('LspProgress', { callback = function(event)
    table.insert(_G.shown, event.data.params.value.message or '')
  end })
]])
local result = vim.system({ 'codels', 'models', 'use', 'away' }, { text = true }):wait()
editor:expect('exit code of codels models use', result.code, 0)
editor:wait('the model is fetched and loaded', function()
  return editor:lua([[
    local answer = vim.lsp.get_clients({ bufnr = 0 })[1]:request_sync('codels/status', {}, 2000)
    return answer and answer.result.state == 'ready' and answer.result.model == 'away'
  ]])
end)
editor:expect('how often it asked', #editor:lua('return _G.asked'), 1)
editor:expect_true('names the model', editor:lua('return _G.asked[1]'):find('away (A model far away', 1, true))
editor:expect_true('shows how far it is', editor:lua([[return table.concat(_G.shown, '\n')]]):find('away.json 100 %', 1, true))
editor:expect('its answer', editor:type_for_ghost('<Esc>Govalue = '), 'from_afar()')
editor:quit()
