import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

const noDefaultExport = { selector: 'ExportDefaultDeclaration', message: 'Use a named export.' };

/** Arrows between the rooms run one way (see CONTRIBUTING.md): a room may import only what is not listed here. */
const forbid = (files, patterns) => ({
  files,
  rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
});
const never = (group, message) => ({ group, message });

const onlyPure = never(
  ['vscode', 'node:*', '**/platform/**', '**/engine/**', '**/engine-client/**', '**/host/**', '**/cli/**'],
  'The webview imports graph and protocol only.',
);

/** The rooms of the webview, and the rooms each may import; app may import all of them. */
const features = ['canvas', 'inspector', 'timeline', 'attention', 'mask', 'stage'];
const page = {
  model: [],
  ui: ['model'],
  nodes: ['model', 'ui'],
  ...Object.fromEntries(features.map((room) => [room, ['model', 'ui', 'nodes']])),
};

export default tseslint.config(
  {
    ignores: ['dist/**', 'node_modules/**', 'out/**', 'extension/engine/onnx/proto/**', 'models/**', '.vscode-test/**'],
  },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      'no-restricted-syntax': ['error', noDefaultExport],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    // A promise that nobody waits for loses its error.
    files: ['**/*.{ts,tsx,mts}'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: { '@typescript-eslint/no-floating-promises': 'error', '@typescript-eslint/no-misused-promises': 'error' },
  },
  { files: ['webview/**/*.{ts,tsx}'], ...reactHooks.configs.flat['recommended-latest'] },
  {
    files: ['scripts/**', 'test/**', 'extension/cli/**', '*.mjs', '*.ts', '*.mts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['*.mjs', '*.config.*', '**/*.config.*'],
    rules: { 'no-restricted-exports': 'off', 'no-restricted-syntax': 'off' },
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['scripts/**/*.mjs'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', URL: 'readonly', setTimeout: 'readonly', fetch: 'readonly' },
    },
  },
  forbid(
    ['extension/graph/**', 'extension/protocol/**'],
    [
      never(
        [
          'vscode',
          'node:*',
          'onnxruntime-node',
          'react*',
          '**/platform/**',
          '**/engine/**',
          '**/engine-client/**',
          '**/host/**',
          '**/cli/**',
        ],
        'graph and protocol are pure.',
      ),
    ],
  ),
  forbid(
    ['extension/platform/**'],
    [
      never(['vscode', 'onnxruntime-node', 'sharp'], 'platform needs Node and nothing else.'),
      never(
        ['**/graph/**', '**/engine/**', '**/engine-client/**', '**/host/**', '**/cli/**'],
        'platform is below every other room; only the sentences of errors (protocol/errors) come from outside.',
      ),
    ],
  ),
  forbid(
    ['extension/engine-client/**'],
    [
      never(
        ['vscode', 'onnxruntime-node', 'sharp', '**/engine/**', '**/host/**', '**/cli/**'],
        'engine-client serves the extension host and the command line, and only knows the messages of protocol.',
      ),
    ],
  ),
  forbid(
    ['extension/engine/**'],
    [
      never(
        ['vscode', '**/host/**', '**/engine-client/**', '**/webview/**', '**/cli/**'],
        'The engine knows nothing of VS Code.',
      ),
    ],
  ),
  // A later list replaces an earlier one for the same files, so both name what no part of the engine imports.
  forbid(
    ['extension/engine/diffusion/**'],
    [
      never(
        [
          'vscode',
          'node:*',
          'onnxruntime-node',
          '**/host/**',
          '**/engine-client/**',
          '**/webview/**',
          '**/cli/**',
          '**/onnx/**',
          '**/cache/**',
          '**/checkpoints/**',
          '**/pipeline/**',
          '**/execution/**',
          '**/inspect/**',
        ],
        'diffusion is the method alone: arrays in, arrays out. pipeline/ runs the UNet and keeps what it computed.',
      ),
    ],
  ),
  forbid(
    ['extension/engine/execution/*.ts', 'extension/engine/sweep/**'],
    [
      never(
        ['vscode', '**/host/**', '**/engine-client/**', '**/webview/**', '**/cli/**', '**/nodes', '**/nodes/**'],
        'A run is handed its executors: they import execution/, and nothing in it imports them.',
      ),
    ],
  ),
  forbid(
    ['extension/engine/pipeline/**'],
    [
      never(
        ['vscode', '**/host/**', '**/engine-client/**', '**/webview/**', '**/cli/**', '**/execution/**'],
        'A loaded checkpoint knows nothing of runs.',
      ),
    ],
  ),
  forbid(
    ['extension/host/**', 'extension/main.ts'],
    [
      never(
        ['onnxruntime-node', 'sharp', '**/engine/**', '**/cli/**'],
        'The extension host computes nothing: ask the engine process.',
      ),
    ],
  ),
  forbid(
    ['extension/cli/**'],
    [never(['vscode', 'onnxruntime-node', '**/host/**'], 'The command line knows nothing of VS Code.')],
  ),
  {
    files: ['extension/**'],
    ignores: ['extension/host/window.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        noDefaultExport,
        {
          selector:
            'MemberExpression[property.name=/^(show(Information|Warning|Error)Message|showQuickPick|showInputBox|createQuickPick|createInputBox|withProgress)$/]',
          message: 'VS Code reads links and icons from such texts: use host/window.ts.',
        },
      ],
    },
  },
  forbid(['webview/**'], [onlyPure]),
  ...Object.entries(page).map(([room, below]) =>
    forbid(
      [`webview/${room}/**`],
      [
        onlyPure,
        never(
          [...Object.keys(page), 'app'].flatMap((other) =>
            other === room || below.includes(other) ? [] : [`**/${other}/**`],
          ),
          `webview/${room} may import ${['graph', 'protocol', ...below].join(', ')}.`,
        ),
        ...(room === 'model' ? [never(['react', 'react-dom*', '!@xyflow/react'], 'model draws nothing.')] : []),
      ],
    ),
  ),
  prettier,
);
