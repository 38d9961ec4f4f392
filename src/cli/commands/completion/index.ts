import { defineCommand, type Noun } from '../../frame/command.js';
import { choice } from '../../frame/option.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

const completion = defineCommand({
  name: 'completion',
  summary: 'print a completion script for a shell',
  args: { shell: choice({ placeholder: 'SHELL', choices: SHELLS, summary: SHELLS.join(', ') }) },
  options: {},
  examples: [
    ['completion bash > ~/.local/share/bash-completion/completions/r3mes', 'for bash'],
    ['completion zsh > ~/.zfunc/_r3mes', 'for zsh, with ~/.zfunc in fpath'],
    ['completion fish > ~/.config/fish/completions/r3mes.fish', 'for fish'],
  ],
  json: { shell: 'name of the shell', script: 'the script' },
  load: async () => (await import('./scripts.js')).completion,
});

export const completionNoun: Noun = { name: 'completion', summary: completion.summary, commands: [completion], single: true };
