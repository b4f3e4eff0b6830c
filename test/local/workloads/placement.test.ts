import t from 'tap';
import type { Node, Pod } from '../../../api/core.ts';
import { placePod } from '../../../local/workloads/scheduler/placement.ts';
import { requestsOf } from '../../../local/workloads/scheduler/requests.ts';

type PodSpec = NonNullable<Pod['spec']>;

function node(
  spec: Node['spec'] = {},
  allocatable: Record<string, string> = { cpu: '2', memory: '1Gi', pods: '3' },
): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'zeroth', labels: { 'kubernetes.io/hostname': 'zeroth', disk: 'ssd', cores: '2' } },
    spec,
    status: { allocatable, conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

function pod(spec: Partial<PodSpec> = {}, labels: Record<string, string> = { app: 'a' }): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', labels },
    spec: { containers: [{ name: 'c' }], ...spec },
  };
}

const wants = (requests: Record<string, string>): Partial<PodSpec> => ({
  containers: [{ name: 'c', resources: { requests } }],
});
const nodeAffinity = (key: string, operator: string, ...values: string[]): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }],
      },
    },
  },
});
const podAffinity = (field: 'podAffinity' | 'podAntiAffinity', app: string): Partial<PodSpec> => ({
  affinity: {
    [field]: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app } } },
      ],
    },
  },
});
const taint = (effect: string): Node['spec'] => ({ taints: [{ key: 'k', value: 'v', effect }] });

void t.test('a pod is bound, or told why not as Kubernetes would', async (t) => {
  const mismatch = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
  const cases: [name: string, pod: Pod, node: Node | undefined, present: Pod[], expected: string | undefined][] = [
    ['plain', pod(), node(), [], undefined],
    ['no node', pod(), undefined, [], 'no nodes available to schedule pods'],
    ['fits exactly', pod(wants({ cpu: '2', memory: '1Gi' })), node(), [], undefined],
    ['too much cpu', pod(wants({ cpu: '2100m' })), node(), [], '0/1 nodes are available: 1 Insufficient cpu.'],
    [
      'both',
      pod(wants({ cpu: '3', memory: '2Gi' })),
      node(),
      [],
      '0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.',
    ],
    [
      'what others claim is gone',
      pod(wants({ cpu: '1' })),
      node(),
      [pod(wants({ cpu: '1500m' }))],
      '0/1 nodes are available: 1 Insufficient cpu.',
    ],
    [
      'a resource it has not',
      pod(wants({ 'nvidia.com/gpu': '1' })),
      node(),
      [],
      '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.',
    ],
    ['full', pod(), node(), [pod(), pod(), pod()], '0/1 nodes are available: 1 Too many pods.'],
    ['selector', pod({ nodeSelector: { disk: 'ssd' } }), node(), [], undefined],
    ['selector misses', pod({ nodeSelector: { disk: 'hdd' } }), node(), [], mismatch],
    ['affinity', pod(nodeAffinity('disk', 'In', 'hdd', 'ssd')), node(), [], undefined],
    ['affinity misses', pod(nodeAffinity('disk', 'NotIn', 'ssd')), node(), [], mismatch],
    ['affinity counts', pod(nodeAffinity('cores', 'Gt', '1')), node(), [], undefined],
    ['affinity counts too few', pod(nodeAffinity('cores', 'Lt', '2')), node(), [], mismatch],
    ['cordoned', pod(), node({ unschedulable: true }), [], '0/1 nodes are available: 1 node(s) were unschedulable.'],
    [
      'tainted',
      pod(),
      node(taint('NoSchedule')),
      [],
      '0/1 nodes are available: 1 node(s) had untolerated taint {k: v}.',
    ],
    ['tolerated', pod({ tolerations: [{ key: 'k', operator: 'Exists' }] }), node(taint('NoExecute')), [], undefined],
    ['only preferred', pod(), node(taint('PreferNoSchedule')), [], undefined],
    [
      'apart',
      pod(podAffinity('podAntiAffinity', 'a')),
      node(),
      [pod()],
      "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.",
    ],
    [
      'others want to be apart',
      pod(),
      node(),
      [pod(podAffinity('podAntiAffinity', 'a'))],
      "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
    ],
    ['together', pod(podAffinity('podAffinity', 'b')), node(), [pod({}, { app: 'b' })], undefined],
    [
      'together with none',
      pod(podAffinity('podAffinity', 'b')),
      node(),
      [],
      "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
    ],
    ['the first of those who would be together', pod(podAffinity('podAffinity', 'a')), node(), [], undefined],
  ];
  for (const [name, one, where, present, expected] of cases) {
    const used = new Map<string, number>();
    for (const other of present)
      for (const [key, amount] of requestsOf(other)) used.set(key, (used.get(key) ?? 0) + amount);
    const placement = placePod(one, {
      nodes: where === undefined ? [] : [where],
      used: () => used,
      podsOn: () => present,
    });
    t.same(placement, expected === undefined ? { node: 'zeroth' } : { node: undefined, message: expected }, name);
  }
});

void t.test('init containers claim the peak, sidecars stay', async (t) => {
  const container = (name: string, cpu: string, restartPolicy?: string) => ({
    name,
    restartPolicy,
    resources: { requests: { cpu } },
  });
  const amounts = (spec: Partial<PodSpec>) => requestsOf(pod(spec)).get('cpu');
  t.equal(
    amounts({ initContainers: [container('i', '3')], containers: [container('c', '1'), container('d', '1')] }),
    3,
  );
  t.equal(
    amounts({
      initContainers: [container('s', '1', 'Always'), container('i', '3')],
      containers: [container('c', '1')],
    }),
    4,
  );
  t.equal(amounts({ containers: [container('c', '1')], overhead: { cpu: '500m' } }), 1.5);
});
