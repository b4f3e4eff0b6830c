/** Certificates and the API server's trust in them keep themselves, from whatever state they are in. */
import { X509Certificate } from 'node:crypto';
import t from 'tap';
import type { Test } from 'tap';
import { Namespace, Secret } from '../../../api/core.ts';
import type { KubeObject } from '../../../api/object.ts';
import { resourceType } from '../../../api/resource.ts';
import type { Admission } from '../../../kube/admission.ts';
import { Client } from '../../../kube/client.ts';
import type { Clock } from '../../../kube/clock.ts';
import { silentLogger } from '../../../kube/log.ts';
import { CA_CERT, credentialsOf, isTrusted, renewalTime, SERVER_CERT } from '../../../kube/webhook/certificates.ts';
import type { WebhookComponent } from '../../../kube/webhook/component.ts';
import {
  bundleIn,
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from '../../../kube/webhook/configurations.ts';
import { serverNames, startKeeper } from '../../../kube/webhook/keeper.ts';
import type { ServingCertificate } from '../../../kube/webhook/server.ts';
import { eventually } from '../../e2e/instance.ts';
import { startServer } from '../../local/apiserver/support.ts';

const DAY = 24 * 60 * 60 * 1000;
const START = Date.UTC(2026, 0, 1);
const Widget = resourceType<KubeObject>('example.com/v1', 'Widget', 'widgets');
const admission: Admission = { type: Widget, default: (object) => object, validate: () => ({}) };

const component: WebhookComponent = {
  name: 'example',
  namespace: 'example',
  service: 'hook',
  secret: 'hook-certs',
  hooks: { defaulting: 'd.example.com', validation: 'v.example.com', config: 'c.example.com' },
  admissions: [admission],
};
const NAMES = serverNames('hook', 'example');

/** A clock that tests move, with the tasks that became due. */
function handClock(): Clock & { move(ms: number): void } {
  let now = START;
  const tasks = new Set<{ at: number; run: () => void }>();
  return {
    now: () => now,
    after(delay, run) {
      const task = { at: now + delay, run };
      tasks.add(task);
      return () => tasks.delete(task);
    },
    move(ms) {
      now += ms;
      for (const task of [...tasks].filter(({ at }) => at <= now)) {
        tasks.delete(task);
        task.run();
      }
    },
  };
}

async function setUp(t: Test) {
  const { client } = await startServer(t);
  await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'example' } });
  for (const [type, name] of [
    [MutatingWebhookConfiguration, 'd.example.com'],
    [ValidatingWebhookConfiguration, 'v.example.com'],
  ] as const)
    await client.create(type, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: type.kind,
      metadata: { name },
      webhooks: [
        {
          name,
          clientConfig: { service: { name: 'hook', namespace: 'example' } },
          ...{ admissionReviewVersions: ['v1'], sideEffects: 'None' },
        },
        {
          name: 'other.example.com',
          clientConfig: { url: 'https://other.example.com' },
          ...{ admissionReviewVersions: ['v1'], sideEffects: 'None' },
        },
      ],
    });
  return client;
}

function start(t: Test, client: Client, clock: Clock) {
  const served: ServingCertificate[] = [];
  const serve = (_: WebhookComponent, names: readonly string[], certificate: ServingCertificate): void => {
    t.same(names, NAMES);
    served.push(certificate);
  };
  const keeper = startKeeper({ client, components: [component], clock, log: silentLogger, serve });
  t.teardown(() => keeper.stop());
  return { keeper, served };
}

const secretOf = (client: Client) => client.find(Secret, 'example', 'hook-certs');
const validation = (client: Client) => client.get(ValidatingWebhookConfiguration, undefined, 'v.example.com');

t.test('from nothing: a certificate for the Service’s names, served and trusted', async (t) => {
  const client = await setUp(t);
  const { keeper, served } = start(t, client, handClock());
  t.same(keeper.missing(), ['example']);
  await eventually('a certificate is served', () => served.length > 0);
  t.same(keeper.missing(), []);
  const [certificate] = served;
  const leaf = new X509Certificate(certificate?.cert ?? '');
  for (const name of NAMES) t.ok(leaf.checkHost(name), name);
  t.ok(new Date(leaf.validTo).getTime() - START <= 398 * DAY, 'no longer than clients accept');
  const { webhooks = [] } = await validation(client);
  t.match(webhooks[0], {
    clientConfig: { service: { name: 'hook', path: '/resource-validation' } },
    rules: [
      { apiGroups: ['example.com'], apiVersions: ['v1'], resources: ['widgets'], operations: ['CREATE', 'UPDATE'] },
    ],
    namespaceSelector: { matchExpressions: [{ key: 'webhooks.knative.dev/exclude', operator: 'DoesNotExist' }] },
  });
  t.equal(webhooks[1]?.clientConfig.caBundle, undefined, 'others are left alone');
  t.ok(isTrusted(certificate ?? { cert: '', key: '' }, bundleIn(await validation(client), 'v.example.com')));
  const { webhooks: mutating = [] } = await client.get(MutatingWebhookConfiguration, undefined, 'd.example.com');
  t.match(mutating[0], { reinvocationPolicy: 'IfNeeded', clientConfig: { service: { path: '/defaulting' } } });
});

t.test('replicas that start at once agree, and write no more than is needed', async (t) => {
  const client = await setUp(t);
  const clock = handClock();
  const replicas = [1, 2, 3].map(() => start(t, client, clock));
  // Conflicts are tried again by the clock.
  await eventually('every replica serves', () => {
    clock.move(1_000);
    return replicas.every(({ served }) => served.length > 0);
  });
  const data = (await secretOf(client))?.data;
  const cert = credentialsOf(data)?.cert;
  await eventually('the same certificate', () => replicas.every(({ served }) => served.at(-1)?.cert === cert));
  const before = (await validation(client)).metadata.resourceVersion;
  clock.move(7 * 60 * 60 * 1000);
  await client.get(Secret, 'example', 'hook-certs');
  t.equal((await validation(client)).metadata.resourceVersion, before, 'what is so is not written again');
});

t.test('it is renewed in time by the same CA, which stays as it is', async (t) => {
  const client = await setUp(t);
  const clock = handClock();
  const { served } = start(t, client, clock);
  await eventually('a certificate is served', () => served.length > 0);
  const first = (await secretOf(client))?.data ?? {};
  const credentials = credentialsOf(first);
  const due = credentials === undefined ? 0 : renewalTime(credentials, NAMES);
  t.ok(due > START + 360 * DAY && due < START + 397 * DAY, 'weeks before the old one ends');
  clock.move(due - START - 1);
  clock.move(2);
  await eventually('another is served', () => served.length > 1);
  const second = (await secretOf(client))?.data ?? {};
  t.not(second[SERVER_CERT], first[SERVER_CERT]);
  t.equal(second[CA_CERT], first[CA_CERT]);
});

t.test('a new CA is trusted beside the old one before anything of it is served', async (t) => {
  const client = await setUp(t);
  const clock = handClock();
  const { served } = start(t, client, clock);
  await eventually('a certificate is served', () => served.length > 0);
  const old = served[0] ?? { cert: '', key: '' };
  // Without its key no further certificate can be had from the CA.
  const secret = await secretOf(client);
  const { 'ca-key.pem': _, ...data } = secret?.data ?? {};
  await client.update(Secret, { ...(secret as Secret), data });
  await eventually('another is served', () => {
    clock.move(5 * DAY);
    return served.length > 1;
  });
  const fresh = served.at(-1) ?? { cert: '', key: '' };
  const bundle = bundleIn(await validation(client), 'v.example.com');
  t.ok(isTrusted(fresh, bundle));
  t.ok(isTrusted(old, bundle), 'replicas that still serve the old one are believed');
});

t.test('what is broken or taken away is made whole', async (t) => {
  const client = await setUp(t);
  const clock = handClock();
  const { served } = start(t, client, clock);
  await eventually('a certificate is served', () => served.length > 0);
  const secret = (await secretOf(client)) as Secret;
  await client.update(Secret, {
    ...secret,
    data: { ...secret.data, [SERVER_CERT]: Buffer.from('no PEM').toString('base64') },
  });
  await eventually('a certificate was made', async () => credentialsOf((await secretOf(client))?.data) !== undefined);
  await client.delete(Secret, 'example', 'hook-certs');
  await eventually('a Secret was made', async () => (await secretOf(client)) !== undefined);
  await client.patch(ValidatingWebhookConfiguration, undefined, 'v.example.com', [
    { op: 'remove', path: '/webhooks/0/clientConfig/caBundle' },
    { op: 'replace', path: '/webhooks/0/rules', value: [] },
  ]);
  await eventually('the configuration is complete', async () => {
    clock.move(1_000);
    const configuration = await validation(client);
    const bundle = bundleIn(configuration, 'v.example.com');
    const isTrustedNow = bundle !== '' && isTrusted(served.at(-1) ?? { cert: '', key: '' }, bundle);
    return isTrustedNow && configuration.webhooks?.[0]?.rules?.length === 1;
  });
});
