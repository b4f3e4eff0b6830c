/** ValidatingAdmissionPolicies decide as in Kubernetes: by whom they are bound, on what, and what becomes of it. */
import t from 'tap';
import type { Test } from 'tap';
import { ConfigMap, Namespace } from '../../../api/core.ts';
import type { KubeObject } from '../../../api/object.ts';
import { resourceType } from '../../../api/resource.ts';
import { ApiError } from '../../../kube/errors.ts';
import { startServer } from './support.ts';

const GROUP = 'admissionregistration.k8s.io/v1';
type Specified = KubeObject & { spec: object };
const Policy = resourceType<Specified>(GROUP, 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies', false);
const Binding = resourceType<Specified>(
  GROUP,
  'ValidatingAdmissionPolicyBinding',
  'validatingadmissionpolicybindings',
  false,
);
const RULE = { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE', 'UPDATE'] };

async function start(t: Test) {
  const { server, client } = await startServer(t);
  const apply = (type: typeof Policy, name: string, spec: object) =>
    client.apply(type, { apiVersion: GROUP, kind: type.kind, metadata: { name }, spec }, { fieldManager: 'test' });
  const set = async (policy: object, binding: object = {}) => {
    await apply(Policy, 'p', { matchConstraints: { resourceRules: [RULE] }, ...policy });
    await apply(Binding, 'b', { policyName: 'p', validationActions: ['Deny'], ...binding });
  };
  /** The Status of a refusal; undefined when the map was accepted. */
  const put = async (data: Record<string, string>, name = 'one', namespace = 'default') => {
    const map: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const { status, body, warnings } = await server.transport.request({ method: 'POST', path, body: map });
    if (status < 400) await client.delete(ConfigMap, namespace, name);
    return { status, warnings, ...(status < 400 ? {} : (body as ApiError['status'])) };
  };
  return { client, apply, set, put };
}

t.test('what a policy says is in the answer', async (t) => {
  const { set, put } = await start(t);
  const cases: [name: string, policy: object, binding: object, expected: object][] = [
    [
      'a message of its own',
      { validations: [{ expression: "object.data.key == 'good'", message: 'be good' }] },
      {},
      {
        status: 'Failure',
        code: 422,
        reason: 'Invalid',
        message: `configmaps "one" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: be good`,
      },
    ],
    [
      'the expression, for want of a message',
      { validations: [{ expression: ' object.data.size() > 1 ' }] },
      {},
      { message: /denied request: failed expression: object\.data\.size\(\) > 1$/ },
    ],
    [
      'a message that is worked out',
      { validations: [{ expression: 'false', message: 'no', messageExpression: "'key is ' + object.data.key" }] },
      {},
      { message: /denied request: key is bad$/ },
    ],
    [
      'a reason',
      { validations: [{ expression: 'false', reason: 'Forbidden' }] },
      {},
      { code: 403, reason: 'Forbidden' },
    ],
    [
      'variables',
      {
        variables: [
          { name: 'key', expression: 'object.data.key' },
          { name: 'isGood', expression: "variables.key == 'good'" },
        ],
        validations: [{ expression: 'variables.isGood', messageExpression: "variables.key + ' it is'" }],
      },
      {},
      { message: /bad it is$/ },
    ],
    [
      'namespace and request',
      {
        validations: [{ expression: "namespaceObject.metadata.name != request.namespace || request.operation == 'X'" }],
      },
      {},
      { code: 422 },
    ],
    [
      'what cannot be evaluated',
      { validations: [{ expression: 'object.spec.x == 1' }] },
      {},
      { code: 422, message: /denied request: expression 'object\.spec\.x == 1' resulted in error: no such key: spec$/ },
    ],
    [
      'or is passed over',
      { failurePolicy: 'Ignore', validations: [{ expression: 'object.spec.x == 1' }] },
      {},
      { status: 201 },
    ],
    [
      'a warning only',
      { validations: [{ expression: 'false', message: 'careful' }] },
      { validationActions: ['Warn'] },
      {
        status: 201,
        warnings: [`Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': careful`],
      },
    ],
    [
      'conditions that are not met',
      {
        matchConditions: [{ name: 'x', expression: "object.data.key == 'x'" }],
        validations: [{ expression: 'false' }],
      },
      {},
      { status: 201 },
    ],
    [
      'no such kind of parameter',
      { paramKind: { apiVersion: 'x/v1', kind: 'X' }, validations: [{ expression: 'true' }] },
      { paramRef: { name: 'p', parameterNotFoundAction: 'Deny' } },
      {
        message:
          /Policy 'p' denied request: failed to configure policy: failed to find resource referenced by paramKind: 'x\/v1, Kind=X'/,
      },
    ],
  ];
  for (const [name, policy, binding, expected] of cases) {
    await set(policy, binding);
    t.match(await put({ key: 'bad' }), expected, name);
  }
});

t.test('policy and binding choose together what is judged', async (t) => {
  const { client, set, put } = await start(t);
  await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'blue', labels: { color: 'blue' } },
  });
  const never = { validations: [{ expression: 'false' }] };
  const blue = { namespaceSelector: { matchLabels: { color: 'blue' } } };
  const cases: [name: string, policy: object, binding: object, denied: readonly string[]][] = [
    ['everything of the policy', never, {}, ['one', 'two', 'blue']],
    ['namespaces of the binding', never, { matchResources: blue }, ['blue']],
    [
      'single objects',
      { ...never, matchConstraints: { resourceRules: [{ ...RULE, resourceNames: ['two'] }] } },
      {},
      ['two'],
    ],
    [
      'all but single objects',
      {
        ...never,
        matchConstraints: { resourceRules: [RULE], excludeResourceRules: [{ ...RULE, resourceNames: ['two'] }] },
      },
      {},
      ['one', 'blue'],
    ],
    ['another kind', { ...never, matchConstraints: { resourceRules: [{ ...RULE, resources: ['secrets'] }] } }, {}, []],
    ['another policy’s binding', never, { policyName: 'other' }, []],
  ];
  for (const [name, policy, binding, denied] of cases) {
    await set(policy, binding);
    const answers = [await put({}, 'one'), await put({}, 'two'), await put({}, 'blue', 'blue')];
    t.same(
      ['one', 'two', 'blue'].filter((_, index) => answers[index]?.code === 422),
      denied,
      name,
    );
  }
});

t.test('parameters come from objects, by name or by label', async (t) => {
  const { client, set, put } = await start(t);
  const policy = {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    validations: [
      { expression: 'int(object.data.size) <= int(params.data.most)', messageExpression: "'most ' + params.data.most" },
    ],
  };
  const limit = (name: string, most: string, labels: Record<string, string> = {}): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'kube-system', labels },
    data: { most },
  });
  await client.create(ConfigMap, limit('three', '3', { limit: 'yes' }));
  await client.create(ConfigMap, limit('five', '5', { limit: 'yes' }));
  const named = (name: string, parameterNotFoundAction = 'Deny') => ({
    paramRef: { name, namespace: 'kube-system', parameterNotFoundAction },
  });
  await set(policy, named('five'));
  t.match(await put({ size: '4' }), { status: 201 });
  t.match(await put({ size: '6' }), { message: /most 5$/ });
  await set(policy, named('gone'));
  t.match(await put({ size: '1' }), { message: /no params found for policy binding with `Deny`/ });
  await set(policy, named('gone', 'Allow'));
  t.match(await put({ size: '9' }), { status: 201 });
  await client.delete(Binding, undefined, 'b');
  const selector = { matchLabels: { limit: 'yes' } };
  await set(policy, { paramRef: { selector, namespace: 'kube-system', parameterNotFoundAction: 'Deny' } });
  t.match(await put({ size: '4' }), { message: /most 3$/ });
  t.match(await put({ size: '2' }), { status: 201 });
});

t.test('what could never work is refused when it is written', async (t) => {
  const { apply } = await start(t);
  const policy = { matchConstraints: { resourceRules: [RULE] }, validations: [{ expression: 'true' }] };
  const binding = { policyName: 'p', validationActions: ['Deny'] };
  const cases: [type: typeof Policy, spec: object, problem: RegExp][] = [
    [Policy, { ...policy, matchConstraints: undefined }, /spec\.matchConstraints: Required value/],
    [Policy, { ...policy, matchConstraints: {} }, /spec\.matchConstraints\.resourceRules: Required value/],
    [Policy, { ...policy, validations: [] }, /spec\.validations: Required value: validations or auditAnnotations must/],
    [
      Policy,
      { ...policy, validations: [{ expression: '' }] },
      /validations\[0\]\.expression: Required value: expression is/,
    ],
    [
      Policy,
      { ...policy, validations: [{ expression: 'object.' }] },
      /validations\[0\]\.expression: Invalid value: "object\.": compilation failed/,
    ],
    [
      Policy,
      { ...policy, validations: [{ expression: 'true', reason: 'Why' }] },
      /reason: Unsupported value: "Why": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"/,
    ],
    [
      Policy,
      { ...policy, variables: [{ name: 'a-b', expression: 'true' }] },
      /variables\[0\]\.name: Invalid value: "a-b": must be a valid CEL identifier/,
    ],
    [Binding, { ...binding, policyName: '' }, /spec\.policyName: Required value/],
    [
      Binding,
      { ...binding, validationActions: [] },
      /spec\.validationActions: Required value: at least one validation action is required/,
    ],
    [
      Binding,
      { ...binding, validationActions: ['Deny', 'Warn'] },
      /spec\.validationActions: Invalid value: \["Deny","Warn"\]: must not contain both/,
    ],
    [
      Binding,
      { ...binding, paramRef: { parameterNotFoundAction: 'Deny' } },
      /spec\.paramRef: Required value: one of name or selector/,
    ],
    [Binding, { ...binding, paramRef: { name: 'a' } }, /spec\.paramRef\.parameterNotFoundAction: Required value/],
  ];
  for (const [type, spec, message] of cases) await t.rejects(apply(type, 'x', spec), { code: 422, message });
  t.match(await apply(Policy, 'p', policy), {
    spec: { failurePolicy: 'Fail', matchConstraints: { matchPolicy: 'Equivalent' } },
  });
});
