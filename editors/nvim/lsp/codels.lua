-- The client configuration that `vim.lsp.enable('codels')` finds on the runtime path.
-- No `filetypes` here: the server knows which languages its model speaks, and says so where it stays silent.

local ROOT_MARKERS = { 'pyproject.toml', 'setup.py', '.git' }

return {
  cmd = require('codels.server').command(),
  root_dir = function(bufnr, on_dir)
    -- Neovim would also start a server for a help page; only files that are written by hand need one.
    if vim.bo[bufnr].buftype == '' then
      on_dir(vim.fs.root(bufnr, ROOT_MARKERS))
    end
  end,
}
