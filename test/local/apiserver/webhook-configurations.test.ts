/** What is wrong with a webhook configuration is said when it is written, at its field, in Kubernetes' words. */
import t from 'tap';
import { resourceType } from '../../../api/resource.ts';
import { ApiError } from '../../../kube/errors.ts';
import { startServer } from './support.ts';

const GROUP = 'admissionregistration.k8s.io/v1';
const Mutating = resourceType(GROUP, 'MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', false);

const rule = { apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'], operations: ['CREATE'] };
const good = {
  name: 'check.example.com',
  clientConfig: { url: 'https://example.com/check' },
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  rules: [rule],
};
const withRule = (part: object) => ({ rules: [{ ...rule, ...part }] });
const withService = (part: object) => ({ clientConfig: { service: { name: 's', namespace: 'n', ...part } } });
const withCondition = (name: string, expression: string) => ({ matchConditions: [{ name, expression }] });

const CASES: readonly [part: object, problem: string | RegExp][] = [
  [{ name: '' }, 'webhooks[0].name: Required value'],
  [
    { name: 'a.b' },
    'webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by dots',
  ],
  [{ sideEffects: undefined }, 'webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun'],
  [
    { sideEffects: 'Some' },
    'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
  ],
  [
    { failurePolicy: 'Perhaps' },
    'webhooks[0].failurePolicy: Unsupported value: "Perhaps": supported values: "Fail", "Ignore"',
  ],
  [
    { matchPolicy: 'Close' },
    'webhooks[0].matchPolicy: Unsupported value: "Close": supported values: "Equivalent", "Exact"',
  ],
  [
    { reinvocationPolicy: 'Often' },
    'webhooks[0].reinvocationPolicy: Unsupported value: "Often": supported values: "IfNeeded", "Never"',
  ],
  [
    { timeoutSeconds: 31 },
    'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
  ],
  [
    { admissionReviewVersions: [] },
    'webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1',
  ],
  [
    { admissionReviewVersions: ['v7'] },
    'webhooks[0].admissionReviewVersions: Invalid value: ["v7"]: must include at least one of v1, v1beta1',
  ],
  [
    { admissionReviewVersions: ['v1', 'v1'] },
    'webhooks[0].admissionReviewVersions[1]: Invalid value: "v1": duplicate version',
  ],
  [{ clientConfig: {} }, 'webhooks[0].clientConfig: Required value: exactly one of url or service is required'],
  [
    { clientConfig: { url: 'http://example.com' } },
    `webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
  ],
  [
    { clientConfig: { url: 'https://me@example.com' } },
    'webhooks[0].clientConfig.url: Invalid value: "me": user information is not permitted in the URL',
  ],
  [
    { clientConfig: { url: 'https://example.com/?a=b' } },
    'webhooks[0].clientConfig.url: Invalid value: "a=b": query parameters are not permitted in the URL',
  ],
  [withService({ name: '' }), 'webhooks[0].clientConfig.service.namespace: Required value'],
  [
    withService({ port: 70000 }),
    'webhooks[0].clientConfig.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive',
  ],
  [
    withService({ path: 'check' }),
    `webhooks[0].clientConfig.service.path: Invalid value: "check": must start with a '/'`,
  ],
  [
    withService({ path: '/a//b' }),
    'webhooks[0].clientConfig.service.path: Invalid value: "/a//b": segment[1] may not be empty',
  ],
  [withRule({ operations: [] }), 'webhooks[0].rules[0].operations: Required value'],
  [
    withRule({ operations: ['READ'] }),
    'webhooks[0].rules[0].operations[0]: Unsupported value: "READ": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
  ],
  [
    withRule({ operations: ['*', 'CREATE'] }),
    `webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations`,
  ],
  [
    withRule({ apiGroups: ['*', 'apps'] }),
    `webhooks[0].rules[0].apiGroups: Invalid value: ["*","apps"]: if '*' is present, must not specify other API groups`,
  ],
  [withRule({ apiVersions: [''] }), 'webhooks[0].rules[0].apiVersions[0]: Required value'],
  [
    withRule({ resources: ['pods/*', 'pods/log'] }),
    `webhooks[0].rules[0].resources[1]: Invalid value: "pods/log": if 'pods/*' is present, must not specify pods/log`,
  ],
  [
    withRule({ resources: ['*/*', 'pods'] }),
    `webhooks[0].rules[0].resources: Invalid value: ["*/*","pods"]: if '*/*' is present, must not specify other resources`,
  ],
  [
    withRule({ scope: 'Galaxy' }),
    'webhooks[0].rules[0].scope: Unsupported value: "Galaxy": supported values: "*", "Cluster", "Namespaced"',
  ],
  [
    { objectSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
    "webhooks[0].objectSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
  ],
  [
    { namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'Is', values: ['b'] }] } },
    'webhooks[0].namespaceSelector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
  ],
  [withCondition('', 'true'), 'webhooks[0].matchConditions[0].name: Required value'],
  [withCondition('a', ' '), 'webhooks[0].matchConditions[0].expression: Required value'],
  [
    withCondition('a', 'object.'),
    /webhooks\[0\]\.matchConditions\[0\]\.expression: Invalid value: "object\.": compilation failed: /,
  ],
];

t.test('each mistake is refused at its field', async (t) => {
  const { client } = await startServer(t);
  const create = (...webhooks: object[]) =>
    client.create(Mutating, { apiVersion: GROUP, kind: Mutating.kind, metadata: { name: 'm' }, webhooks } as never);
  for (const [part, problem] of CASES) {
    const error = await create({ ...good, ...part }).then(
      () => new Error(`accepted: ${JSON.stringify(part)}`),
      (error: unknown) => error as ApiError,
    );
    if (typeof problem === 'string')
      t.equal(error.message, `MutatingWebhookConfiguration.admissionregistration.k8s.io "m" is invalid: ${problem}`);
    else t.match(error.message, problem);
  }
  const twice = await create(good, good).catch((error: unknown) => error as ApiError);
  t.match(twice, { code: 422, message: /webhooks\[1\]\.name: Duplicate value: "check\.example\.com"/ });
  await create(
    { ...good, ...withService({ path: '/a/b.c/', port: 8443 }), ...withCondition('is-new', 'oldObject == null') },
    { ...good, name: 'other.example.com', ...withRule({ apiGroups: ['*'], resources: ['*', '*/status'], scope: '*' }) },
  );
});
