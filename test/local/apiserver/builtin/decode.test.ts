import t from 'tap';
import { ApiError } from '../../../../kube/errors.ts';
import { pruneBuiltin, unknownFields } from '../../../../local/apiserver/builtin/kinds.ts';
import { frozen } from '../schema/frozen.ts';

type Loose = Record<string, unknown>;

t.test('unknown fields are found with their path, and dropped', async (t) => {
  const given = frozen({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'x', colour: 'red' },
    spec: { replicaz: 1, template: { spec: { containers: [{ name: 'a', imagee: 'b' }] } } },
  });
  t.strictSame(unknownFields('apps', 'v1', 'Deployment', given), [
    'metadata.colour',
    'spec.replicaz',
    'spec.template.spec.containers[0].imagee',
  ]);
  t.strictSame(pruneBuiltin('apps', 'v1', 'Deployment', given), {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'x' },
    spec: { template: { spec: { containers: [{ name: 'a' }] } } },
  });
});

t.test('what needs no change comes back as it is', async (t) => {
  const given = frozen({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: { a: 'b' } });
  t.equal(pruneBuiltin('', 'v1', 'ConfigMap', given), given);
});

const CANONICAL: [group: string, kind: string, given: Loose, expected: Loose][] = [
  ['', 'Pod', { metadata: { creationTimestamp: null, labels: null } }, { metadata: {} }],
  [
    '',
    'Pod',
    { spec: { containers: [{ name: 'a', resources: { limits: { cpu: '1000m', memory: 1024 } } }] } },
    { spec: { containers: [{ name: 'a', resources: { limits: { cpu: '1', memory: '1024' } } }] } },
  ],
  [
    '',
    'Pod',
    { status: { startTime: '2026-01-01T02:00:00.5+02:00' } },
    { status: { startTime: '2026-01-01T00:00:00Z' } },
  ],
  [
    'coordination.k8s.io',
    'Lease',
    { spec: { renewTime: '2026-01-01T00:00:00Z' } },
    { spec: { renewTime: '2026-01-01T00:00:00.000000Z' } },
  ],
  ['', 'ConfigMap', { data: { a: null } }, { data: { a: '' } }],
];

t.test('times, quantities and nulls take the form Kubernetes keeps', async (t) => {
  for (const [group, kind, given, expected] of CANONICAL)
    t.strictSame(pruneBuiltin(group, 'v1', kind, frozen(given)), expected, JSON.stringify(given));
});

const WRONG: [group: string, kind: string, given: Loose, message: string][] = [
  [
    'apps',
    'Deployment',
    { spec: { replicas: '1' } },
    'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  ],
  [
    'apps',
    'Deployment',
    { spec: { replicas: 1.5 } },
    'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
  ],
  [
    '',
    'Pod',
    { metadata: { labels: { a: 1 } } },
    'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
  ],
  [
    '',
    'Pod',
    { spec: { containers: {} } },
    'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
  ],
  [
    '',
    'Pod',
    { spec: { containers: [{ env: [{ value: true }] }] } },
    'json: cannot unmarshal bool into Go struct field EnvVar.spec.containers.env.value of type string',
  ],
  ['', 'Pod', { spec: 'x' }, 'json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec'],
  ['', 'Secret', { data: { a: '%%%' } }, 'illegal base64 data at input byte 0'],
  [
    '',
    'Pod',
    { spec: { containers: [{ resources: { limits: { cpu: 'lots' } } }] } },
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  ],
];

t.test('a wrong type is refused, naming field and type', async (t) => {
  for (const [group, kind, given, message] of WRONG) {
    try {
      pruneBuiltin(group, 'v1', kind, frozen(given));
      t.fail(`${JSON.stringify(given)} passed`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      t.equal(error.code, 400);
      t.equal(error.message, `${kind} in version "v1" cannot be handled as a ${kind}: ${message}`);
    }
  }
});

t.test('kinds that are not Kubernetes’ own are left alone', async (t) => {
  const given = frozen({ spec: { anything: 1 } });
  t.equal(pruneBuiltin('example.com', 'v1', 'Deployment', given), given);
  t.strictSame(unknownFields('example.com', 'v1', 'Deployment', given), []);
});
