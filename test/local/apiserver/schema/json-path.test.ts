import t from 'tap';
import { compileJsonPath } from '../../../../local/apiserver/schema/json-path.ts';

const root = {
  metadata: { name: 'a', labels: { 'example.com/app': 'x' } },
  status: {
    replicas: 3,
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Done', status: 'False' },
    ],
    list: [1, 2, 3],
  },
};

const CASES: [path: string, expected: unknown[]][] = [
  ['.metadata.name', ['a']],
  ['{.metadata.name}', ['a']],
  ["$.metadata['name']", ['a']],
  [".metadata.labels['example.com/app']", ['x']],
  ['.metadata.labels.example\\.com/app', ['x']],
  [".status.conditions[?(@.type=='Ready')].status", ['True']],
  ['.status.conditions[?(@.type=="Done")].status', ['False']],
  ["{.status.conditions[?(@.type == 'Missing')].status}", []],
  ['.status.conditions[?(@.status!="True")].type', ['Done']],
  ['.status.conditions[?(@.status)].type', ['Ready', 'Done']],
  ['.status.conditions[0].type', ['Ready']],
  ['.status.conditions[-1].type', ['Done']],
  ['.status.conditions[*].type', ['Ready', 'Done']],
  ['.status.list[1:]', [2, 3]],
  ['.status.list[?(@>1)]', [2, 3]],
  ['..type', ['Ready', 'Done']],
  ['.missing.deep', []],
  ['.constructor', []],
];

t.test('printer columns find what their path names', async (t) => {
  for (const [path, expected] of CASES) t.strictSame(compileJsonPath(path)(root), expected, path);
});

t.test('what is no path is refused', async (t) => {
  for (const path of ['.a[', '.a b', '.a[?(b)]']) t.throws(() => compileJsonPath(path), SyntaxError, path);
});
