import js from '@eslint/js';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** Who may import whom (docs/architecture.md). `except` is relative to `from`. */
const zones = [
  { target: './src/protocol', from: './src', except: ['./protocol'], message: 'protocol imports nothing of ours' },
  { target: './src/native', from: './src', except: ['./native', './protocol'] },
  { target: './src/storage', from: './src', except: ['./storage', './protocol'] },
  { target: './src/client', from: './src', except: ['./client', './protocol'] },
  { target: './src/gateway', from: './src', except: ['./gateway', './client', './protocol'], message: 'the gateway knows a node by its RPC only' },
  { target: './src/dataset', from: './src', except: ['./dataset', './protocol'] },
  { target: './src/train', from: './src', except: ['./train', './native', './protocol'] },
  { target: './src/chain/store', from: './src', except: ['./chain/store', './protocol'] },
  {
    target: './src/chain/modules',
    from: './src',
    except: ['./chain/modules', './chain/store/kv.ts', './chain/module.ts', './protocol'],
    message: 'a module sees protocol, the store interface and what it declares itself',
  },
  { target: './src/chain/app', from: './src', except: ['./chain', './protocol'] },
  { target: './src/chain', from: './src', except: ['./chain', './protocol'] },
  { target: './src/roles', from: './src', except: ['./roles', './client', './train', './storage', './dataset', './native', './protocol'] },
  { target: ['./src/protocol', './src/native', './src/storage', './src/client', './src/dataset', './src/train', './src/chain', './src/gateway', './src/roles'], from: './src/cli', message: 'nothing imports cli' },
];

const deterministic = {
  'no-restricted-globals': ['error', 'Date', 'process', 'fetch', 'setTimeout', 'setInterval', 'setImmediate', 'performance', 'Intl', 'crypto', 'console', 'parseFloat'],
  'no-restricted-properties': [
    'error',
    ...['random', 'sqrt', 'pow', 'exp', 'log', 'log2', 'log10', 'sin', 'cos', 'tan', 'round', 'cbrt', 'hypot', 'fround'].map((property) => ({ object: 'Math', property, message: 'a state machine has no floats and no randomness' })),
    { property: 'localeCompare', message: 'order depends on the locale' },
    { property: 'toLocaleString', message: 'depends on the locale' },
  ],
  'no-restricted-syntax': [
    'error',
    { selector: 'Literal[raw=/^[0-9]*\\.[0-9]+$/]', message: 'no floats in a state machine' },
    { selector: 'AwaitExpression', message: 'a state machine is synchronous' },
    { selector: 'ForInStatement', message: 'iteration order must be written down' },
  ],
  'no-restricted-imports': [
    'error',
    { paths: ['fs', 'node:fs', 'node:fs/promises', 'node:net', 'node:http', 'node:https', 'node:os', 'node:process', 'node:child_process', 'node:worker_threads', 'node:timers'].map((name) => ({ name, message: 'no I/O here' })) },
  ],
};

export default tseslint.config(
  { ignores: ['dist', 'build', 'coverage', 'node_modules', 'src/protocol/gen', 'templates'] },
  js.configs.recommended,
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'vitest.config.ts'],
    extends: [...tseslint.configs.strictTypeChecked, importX.flatConfigs.typescript],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname } },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver({ project: './tsconfig.test.json' })] },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      eqeqeq: 'error',
    },
  },
  { files: ['src/protocol/**/*.ts', 'src/chain/modules/**/*.ts'], rules: deterministic },
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
  {
    files: ['**/*.js'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
);
