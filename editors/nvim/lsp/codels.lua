-- The client configuration that `vim.lsp.enable('codels')` finds on the runtime path.
-- No `filetypes` here: the server knows which languages its model speaks, and says so where it stays silent.

local ROOT_MARKERS = { 'pyproject.toml', 'setup.py', '.git' }

-- Neovim's own handler waits for somebody to press Enter where a sentence is longer than the screen is wide, and that
-- takes a key from whoever is typing. Kept to one line here; `:messages` has the whole sentence. Who has another
-- `vim.notify` sees what that shows.
local LEVELS = { vim.log.levels.ERROR, vim.log.levels.WARN, vim.log.levels.INFO, vim.log.levels.DEBUG }

local function show_message(_, params)
  vim.notify(params.message, LEVELS[params.type] or vim.log.levels.INFO, { title = 'codels', _truncate = true })
end

return {
  handlers = { ['window/showMessage'] = show_message },
  cmd = require('codels.server').command(),
  root_dir = function(bufnr, on_dir)
    -- Neovim would also start a server for a help page; only files that are written by hand need one.
    if vim.bo[bufnr].buftype == '' then
      on_dir(vim.fs.root(bufnr, ROOT_MARKERS))
    end
  end,
}
