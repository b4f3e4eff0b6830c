import t from 'tap';
import { admit, CONFIGURATION, put, REVISION, ROUTE, SERVICE, type Manifest } from '../admit.ts';

const PREFIX = 'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: ';
const stored = (manifest: Manifest) => admit(manifest).object;
const image = (manifest: Manifest, name: string) => put(manifest, { 'spec.template.spec.containers[0].image': name });
const annotations = (manifest: Manifest) =>
  (manifest['metadata'] as { annotations?: Record<string, string> }).annotations;

t.test('who changed it', (t) => {
  const before = stored(SERVICE);
  t.strictSame(annotations(admit(image(before, 'two'), { old: before, username: 'bob' }).object), {
    'serving.knative.dev/creator': 'ann',
    'serving.knative.dev/lastModifier': 'bob',
  });
  const labelled = put(before, { 'metadata.labels.a': 'b' });
  t.strictSame(annotations(admit(labelled, { old: before, username: 'bob' }).object), annotations(before));
  const owned = put(CONFIGURATION, { 'metadata.ownerReferences': [{ kind: 'Service', name: 'hello' }] });
  t.equal(annotations(stored(owned)), undefined, 'a child has them from its Service');
  t.end();
});

t.test('what may not change', (t) => {
  const service = stored(SERVICE);
  const byo = stored(put(SERVICE, { 'spec.template.metadata.name': 'hello-a' }));
  const revision = stored(REVISION);
  for (const [name, old, next, message] of [
    [
      'the creator',
      service,
      put(service, { 'metadata.annotations."serving.knative.dev/creator"': 'eve' }),
      'annotation value is immutable: metadata.annotations.serving.knative.dev/creator',
    ],
    [
      'the last modifier, without a change of the spec',
      service,
      put(service, { 'metadata.annotations."serving.knative.dev/lastModifier"': 'eve' }),
      'invalid value: eve: metadata.annotations.serving.knative.dev/lastModifier',
    ],
    [
      'a template under the same name',
      byo,
      image(byo, 'other'),
      'Saw the following changes without a name change (-old +new): spec.template.metadata.name\n{*v1.RevisionTemplateSpec}.Spec.PodSpec.Containers[0].Image:\n\t-: "hello"\n\t+: "other"\n',
    ],
    [
      'an annotation of a template under the same name',
      byo,
      put(byo, { 'spec.template.metadata.annotations."a.b/c"': 'd' }),
      'Saw the following changes without a name change (-old +new): spec.template.metadata.name\n{*v1.RevisionTemplateSpec}.ObjectMeta.Annotations:\n\t+: "{"a.b/c":"d"}"\n',
    ],
    [
      'the spec of a Revision',
      revision,
      put(revision, { 'spec.containers[0].env': [{ name: 'A', value: 'b' }], 'spec.timeoutSeconds': 5 }),
      'Immutable fields changed (-old +new): spec\n{v1.RevisionSpec}.PodSpec.Containers[0].Env:\n\t+: "[{"name":"A","value":"b"}]"\n*{v1.RevisionSpec}.TimeoutSeconds:\n\t-: "300"\n\t+: "5"\n',
    ],
  ] as const)
    t.equal(admit(next, { old }).verdict.denied?.message, PREFIX + message, name);
  t.end();
});

t.test('what may', (t) => {
  const service = stored(SERVICE);
  const byo = stored(put(SERVICE, { 'spec.template.metadata.name': 'hello-a' }));
  const revision = stored(REVISION);
  const route = stored(ROUTE);
  for (const [name, old, next, options] of [
    ['a new image', service, image(service, 'two'), {}],
    ['a new name with it', byo, put(image(byo, 'two'), { 'spec.template.metadata.name': 'hello-b' }), {}],
    ['traffic under the same name', byo, put(byo, { 'spec.traffic': [{ revisionName: 'hello-a', percent: 100 }] }), {}],
    ['a label of a Revision', revision, put(revision, { 'metadata.labels.a': 'b' }), {}],
    [
      'traffic of a Route',
      route,
      put(route, { 'spec.traffic': [{ revisionName: 'x', percent: 100, latestRevision: false }] }),
      {},
    ],
    [
      'a status, whatever the spec has come to be',
      service,
      put(service, { 'spec.template.spec.timeoutSeconds': 9999 }),
      { subresource: 'status' },
    ],
    [
      'a limit set later does not reach what has a name of its own',
      byo,
      put(byo, { 'metadata.labels.a': 'b' }),
      { config: { 'config-defaults': { 'revision-cpu-request': '1' } } },
    ],
  ] as const)
    t.equal(admit(next, { old, ...options }).verdict.denied, undefined, name);
  t.end();
});

t.test('loose security is a warning, not a refusal', (t) => {
  const { verdict } = admit(SERVICE);
  t.equal(verdict.denied, undefined);
  const fields = ['allowPrivilegeEscalation', 'capabilities', 'runAsNonRoot', 'seccompProfile'];
  t.strictSame(verdict.warnings, [
    `Kubernetes default value is insecure, Knative may default this to secure in a future release: ${fields
      .map((field) => `spec.template.spec.containers[0].securityContext.${field}`)
      .join(', ')}`,
  ]);
  const config = { 'config-features': { 'secure-pod-defaults': 'enabled' } };
  t.equal(admit(SERVICE, { config }).verdict.warnings, undefined);
  t.end();
});
