import t from 'tap';
import { builtinShape } from '../../../../local/apiserver/builtin/shapes.ts';
import { strategicMergePatch } from '../../../../local/apiserver/patch/strategic-patch.ts';
import { frozen } from '../schema/frozen.ts';

const POD = builtinShape('', 'v1', 'Pod');
const DEPLOYMENT = builtinShape('apps', 'v1', 'Deployment');

interface Case {
  name: string;
  shape?: typeof POD;
  given: object;
  patch: object;
  expected: object;
}

const two = {
  spec: {
    containers: [
      { name: 'a', image: 'a:1' },
      { name: 'b', image: 'b:1' },
    ],
  },
};

const CASES: Case[] = [
  {
    name: 'containers merge by name',
    given: two,
    patch: { spec: { containers: [{ name: 'b', image: 'b:2' }] } },
    expected: {
      spec: {
        containers: [
          { name: 'a', image: 'a:1' },
          { name: 'b', image: 'b:2' },
        ],
      },
    },
  },
  {
    name: 'a container is added',
    given: two,
    patch: { spec: { containers: [{ name: 'c', image: 'c:1' }] } },
    expected: { spec: { containers: [...two.spec.containers, { name: 'c', image: 'c:1' }] } },
  },
  {
    name: '$patch: delete removes by name',
    given: two,
    patch: { spec: { containers: [{ name: 'a', $patch: 'delete' }] } },
    expected: { spec: { containers: [{ name: 'b', image: 'b:1' }] } },
  },
  {
    name: '$patch: replace replaces a list',
    given: two,
    patch: { spec: { containers: [{ $patch: 'replace' }, { name: 'c', image: 'c:1' }] } },
    expected: { spec: { containers: [{ name: 'c', image: 'c:1' }] } },
  },
  {
    name: '$patch: replace replaces a map',
    given: { spec: { nodeSelector: { a: '1', b: '2' } } },
    patch: { spec: { nodeSelector: { c: '3', $patch: 'replace' } } },
    expected: { spec: { nodeSelector: { c: '3' } } },
  },
  {
    name: '$setElementOrder puts items in order, and keeps what the server added near where it was',
    given: { spec: { containers: [{ name: 'a' }, { name: 'server' }, { name: 'b' }] } },
    patch: {
      spec: {
        '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
        containers: [{ name: 'a', image: 'a:2' }],
      },
    },
    expected: { spec: { containers: [{ name: 'server' }, { name: 'b' }, { name: 'a', image: 'a:2' }] } },
  },
  {
    name: '$setElementOrder alone reorders',
    given: { spec: { containers: [{ name: 'a' }, { name: 'b' }] } },
    patch: { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } },
    expected: { spec: { containers: [{ name: 'b' }, { name: 'a' }] } },
  },
  {
    name: 'finalizers merge as a set',
    given: { metadata: { finalizers: ['a/x', 'b/x'] } },
    patch: { metadata: { finalizers: ['b/x', 'c/x'] } },
    expected: { metadata: { finalizers: ['a/x', 'b/x', 'c/x'] } },
  },
  {
    name: '$deleteFromPrimitiveList removes values',
    given: { metadata: { finalizers: ['a/x', 'b/x'] } },
    patch: { metadata: { '$deleteFromPrimitiveList/finalizers': ['a/x'] } },
    expected: { metadata: { finalizers: ['b/x'] } },
  },
  {
    name: 'tolerations have no merge key: they are replaced',
    given: { spec: { tolerations: [{ key: 'a' }] } },
    patch: { spec: { tolerations: [{ key: 'b' }] } },
    expected: { spec: { tolerations: [{ key: 'b' }] } },
  },
  {
    name: 'null removes',
    given: { metadata: { labels: { a: '1', b: '2' } } },
    patch: { metadata: { labels: { a: null } } },
    expected: { metadata: { labels: { b: '2' } } },
  },
  {
    name: '$retainKeys drops the other members of a union',
    shape: DEPLOYMENT,
    given: { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
    patch: { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    expected: { spec: { strategy: { type: 'Recreate' } } },
  },
  {
    name: '$retainKeys works on volumes',
    given: { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
    patch: { spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'secret'], secret: { secretName: 's' } }] } },
    expected: { spec: { volumes: [{ name: 'v', secret: { secretName: 's' } }] } },
  },
  {
    name: 'directives do not end up in what was not there before',
    given: {},
    patch: { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' }, replicas: null } },
    shape: DEPLOYMENT,
    expected: { spec: { strategy: { type: 'Recreate' } } },
  },
  {
    name: 'a port of two protocols stays two ports where there were none',
    given: { spec: { containers: [{ name: 'a' }] } },
    patch: {
      spec: {
        containers: [
          {
            name: 'a',
            ports: [
              { containerPort: 53, protocol: 'TCP' },
              { containerPort: 53, protocol: 'UDP' },
            ],
          },
        ],
      },
    },
    expected: {
      spec: {
        containers: [
          {
            name: 'a',
            ports: [
              { containerPort: 53, protocol: 'TCP' },
              { containerPort: 53, protocol: 'UDP' },
            ],
          },
        ],
      },
    },
  },
  {
    name: 'ports merge by containerPort, environment by name',
    given: { spec: { containers: [{ name: 'a', ports: [{ containerPort: 80 }], env: [{ name: 'X', value: '1' }] }] } },
    patch: {
      spec: {
        containers: [
          {
            name: 'a',
            ports: [{ containerPort: 80, name: 'http' }],
            env: [
              { name: 'Y', value: '2' },
              { name: 'X', value: '3' },
            ],
          },
        ],
      },
    },
    expected: {
      spec: {
        containers: [
          {
            name: 'a',
            ports: [{ containerPort: 80, name: 'http' }],
            env: [
              { name: 'X', value: '3' },
              { name: 'Y', value: '2' },
            ],
          },
        ],
      },
    },
  },
];

t.test('a strategic merge patch merges what belongs together', async (t) => {
  for (const { name, shape, given, patch, expected } of CASES)
    t.strictSame(strategicMergePatch(frozen(given), frozen(patch), shape ?? POD), expected, name);
});

t.test('a strategic merge patch that misuses a directive is refused', async (t) => {
  const bad = [
    { spec: { containers: [{ image: 'nameless' }] } },
    { spec: { containers: [{ name: 'a', $patch: 'explode' }] } },
    { metadata: { $patch: 'explode' } },
    { metadata: { labels: { $retainKeys: ['a'], b: '1' } } },
  ];
  for (const patch of bad)
    t.throws(() => strategicMergePatch(frozen(two), patch, POD), { code: 400 }, JSON.stringify(patch));
  t.throws(() => strategicMergePatch(two, [], POD), { code: 400 });
});
