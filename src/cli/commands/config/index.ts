import { defineCommand, type Noun } from '../../frame/command.js';
import { choice, flag, text } from '../../frame/option.js';
import { SETTING_KEYS } from '../../config/settings.js';

const key = choice({ placeholder: 'KEY', choices: SETTING_KEYS, summary: `setting: ${SETTING_KEYS.join(', ')}` });

const ORIGINS = 'flag, environment, project, user or default';

const list = defineCommand({
  name: 'list',
  summary: 'list all settings',
  args: {},
  options: { showOrigin: flag('say where each value comes from') },
  examples: [['config list --show-origin', `shows for every setting its value and origin: ${ORIGINS}`]],
  json: { settings: `list of {key, value, origin, source}; origin is ${ORIGINS}; value is null if not set` },
  load: async () => (await import('./list.js')).configList,
});

const get = defineCommand({
  name: 'get',
  summary: 'print one setting; nothing if it is not set',
  args: { key },
  options: {},
  examples: [['config get node', 'prints the RPC address that commands ask']],
  json: { key: 'name of the setting', value: 'its value, null if not set', origin: ORIGINS, source: 'the variable or file' },
  load: async () => (await import('./list.js')).configGet,
});

const set = defineCommand({
  name: 'set',
  summary: 'write one setting to the user file, or to the project file',
  args: { key, value: text({ placeholder: 'VALUE', summary: 'its new value' }) },
  options: { project: flag('write ./r3mes.config.json instead of the user file') },
  examples: [['config set threads 4', 'uses four threads from now on']],
  json: { key: 'name of the setting', value: 'its new value', file: 'file that was written' },
  load: async () => (await import('./set.js')).configSet,
});

const path = defineCommand({
  name: 'path',
  summary: 'print where files lie',
  args: {},
  options: {},
  examples: [['config path --json', 'prints all folders and files as one object']],
  json: {
    configFile: 'settings of the user',
    projectFile: 'settings of the project in the working directory',
    genesisFile: 'genesis document',
    config: 'folder of settings',
    data: 'folder of what must not be lost',
    state: 'folder of pid files, logs, journals',
    cache: 'folder of what can be made again',
    wallets: 'folder of keystores',
    chain: 'folder of the chain database',
    content: 'folder of the content store',
    logs: 'folder of log files',
  },
  load: async () => (await import('./path.js')).configPath,
});

export const configNoun: Noun = { name: 'config', summary: 'settings: list, get, set, path', commands: [list, get, set, path] };
