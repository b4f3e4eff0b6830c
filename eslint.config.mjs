import tseslint from 'typescript-eslint';

/** Which rooms a room may import. Folders below a room belong to it. */
const ROOMS = {
  api: [],
  kube: ['api'],
  'serving/controller': ['api', 'kube'],
  'serving/autoscaler': ['api', 'kube'],
  'serving/activator': ['api', 'kube'],
  'eventing/trigger': ['api', 'kube'],
  'eventing/broker': ['api', 'kube', 'eventing/trigger'],
  'local/apiserver': ['api', 'kube'],
  'local/workloads': ['api', 'kube'],
  'local/node': ['api', 'kube'],
};
const ALL = [
  'api',
  'kube',
  'serving/controller',
  'serving/autoscaler',
  'serving/activator',
  'eventing/broker',
  'eventing/trigger',
  'local/apiserver',
  'local/workloads',
  'local/node',
  'cli',
  'test',
  'bench',
  'scripts',
];

const arrows = Object.entries(ROOMS).map(([room, allowed]) => {
  const forbidden = ALL.filter((other) => other !== room && !allowed.includes(other));
  return {
    files: [`${room}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: forbidden.map((other) => ({
            regex: `^(\\.\\./)+${other}/`,
            message: `${room}/ may import only: ${['itself', ...allowed].join(', ')}`,
          })),
        },
      ],
    },
  };
});

export default tseslint.config(
  { ignores: ['dist/', 'build/', '.tap/', 'node_modules/', 'examples/', '.zeroth/'] },
  ...tseslint.configs.recommended,
  { files: ['**/*.mjs'], rules: { 'no-dupe-keys': 'error' } },
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // A kind's type and its ResourceType value share a name on purpose.
      '@typescript-eslint/no-redeclare': 'off',
    },
  },
  {
    // A test block's promise is tap's to await.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: '@tapjs/test', name: 'test' }] },
      ],
    },
  },
  ...arrows,
);
