import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { ConfigMap, CustomResourceDefinition, Namespace, Secret } from '../../../../api/core.ts';
import { Certificate, CERTIFICATE_UID_LABEL } from '../../../../api/networking/certificate.ts';
import { GATEWAY_CA_SECRET, SERVING_NAMESPACE } from '../../../../api/zeroth.ts';
import { Client } from '../../../../kube/client.ts';
import { conditionOf, isReady } from '../../../../kube/conditions.ts';
import { createController } from '../../../../kube/controller.ts';
import { Informers } from '../../../../kube/informers.ts';
import { silentLogger } from '../../../../kube/log.ts';
import { ApiServer } from '../../../../local/apiserver/main.ts';
import { AuthoritySource } from '../../../../serving/controller/certificate/authority.ts';
import { OWN_CLASS } from '../../../../serving/controller/certificate/classes.ts';
import { keyPairOf } from '../../../../serving/controller/certificate/key-pair.ts';
import {
  certificateSecrets,
  ownAuthorityReconciler,
} from '../../../../serving/controller/certificate/own-authority.ts';
import { ConfigStore } from '../../../../serving/controller/config/store.ts';
import { ManualClock } from '../../activator/manual-clock.ts';
import { waitFor } from '../../activator/rig.ts';

const DAY = 24 * 60 * 60 * 1000;

/** An API server, and the reconciler against it under a clock of ours. */
class World {
  readonly client: Client;
  readonly clock = new ManualClock();
  readonly informers: Informers;
  #stop: () => Promise<void> = () => Promise.resolve();

  static async open(t: Test): Promise<World> {
    const dir = await mkdtemp(join(tmpdir(), 'authority-'));
    const api = await ApiServer.open({ dir, admissions: [], servicePrefix: '127.249', log: silentLogger });
    const world = new World(new Client(api.transport));
    t.teardown(async () => {
      await world.#stop();
      world.informers.stop();
      await api.close();
      await rm(dir, { recursive: true, force: true });
    });
    const crd = await readFile('config/crds/networking.internal.knative.dev_certificates.yaml', 'utf8');
    await world.client.create(CustomResourceDefinition, parse(crd) as CustomResourceDefinition);
    await world.client.create(Namespace, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: SERVING_NAMESPACE },
    });
    return world;
  }

  private constructor(client: Client) {
    this.client = client;
    this.informers = new Informers(client, silentLogger);
  }

  /** Starts it, anew when it runs. */
  async start(): Promise<void> {
    await this.#stop();
    const { client, clock, informers } = this;
    const config = new ConfigStore(informers.of(ConfigMap), SERVING_NAMESPACE, silentLogger);
    const authority = new AuthoritySource({ client, namespace: SERVING_NAMESPACE, clock, log: silentLogger });
    const secrets = certificateSecrets(client, silentLogger).start();
    await Promise.all([authority.start(), secrets.synced]);
    const controller = createController(ownAuthorityReconciler(config, authority, secrets), {
      client,
      informers,
      log: silentLogger,
      systemNamespace: SERVING_NAMESPACE,
      clock,
    });
    await controller.start();
    this.#stop = async () => {
      await controller.stop();
      authority.stop();
      secrets.stop();
    };
  }

  async certificate(name: string, dnsNames: string[], className = OWN_CLASS): Promise<Certificate> {
    return this.client.create(Certificate, {
      apiVersion: 'networking.internal.knative.dev/v1alpha1',
      kind: 'Certificate',
      metadata: { name, namespace: 'default', annotations: { 'networking.knative.dev/certificate.class': className } },
      spec: { dnsNames, secretName: `${name}-secret` },
    });
  }

  until<T extends { metadata: object }>(
    type: Parameters<Informers['of']>[0],
    name: string,
    holds: (object: T) => unknown,
    namespace = 'default',
  ): Promise<T> {
    return waitFor(`${type.kind} ${name}`, () => {
      const object = this.informers.of(type).get(namespace, name) as unknown as T | undefined;
      return object !== undefined && holds(object) ? object : undefined;
    });
  }

  ready(name: string): Promise<Certificate> {
    return this.until<Certificate>(Certificate, name, isReady);
  }

  secret(name: string, holds: (secret: Secret) => unknown = () => true): Promise<Secret> {
    return this.until<Secret>(Secret, `${name}-secret`, holds);
  }

  ca(holds: (secret: Secret) => unknown = () => true): Promise<Secret> {
    return this.until<Secret>(Secret, GATEWAY_CA_SECRET, holds, SERVING_NAMESPACE);
  }
}

const serialOf = (secret: Secret): string => new X509Certificate(keyPairOf(secret).cert).serialNumber;

t.test('a Certificate gets a key pair that clients accept', async (t) => {
  const world = await World.open(t);
  await world.start();
  const long = `${'l'.repeat(60)}.${'n'.repeat(30)}.example.com`;
  const made = await world.certificate('web', ['web.example.com', '*.web.example.com', long]);
  const certificate = await world.ready('web');
  const secret = await world.secret('web');
  t.equal(secret.type, 'kubernetes.io/tls');
  t.equal(secret.metadata.labels?.[CERTIFICATE_UID_LABEL], made.metadata.uid);
  t.match(secret.metadata.ownerReferences, [{ kind: 'Certificate', name: 'web', controller: true }]);
  t.strictSame(Object.keys(secret.data ?? {}).sort(), ['ca.crt', 'tls.crt', 'tls.key']);

  const leaf = new X509Certificate(keyPairOf(secret).cert);
  const ca = await world.ca();
  const root = new X509Certificate(keyPairOf(ca).cert);
  t.equal(Buffer.from(secret.data?.['ca.crt'] ?? '', 'base64').toString(), keyPairOf(ca).cert);
  t.ok(leaf.verify(root.publicKey));
  t.ok(leaf.checkIssued(root));
  t.notOk(leaf.ca);
  t.ok(root.ca);
  for (const host of ['web.example.com', 'x.web.example.com', long]) t.ok(leaf.checkHost(host), host);
  t.notOk(leaf.checkHost('other.example.com'));
  t.strictSame(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'], 'server authentication alone');
  const life = Date.parse(leaf.validTo) - Date.parse(leaf.validFrom);
  t.ok(life <= 398 * DAY, `${life / DAY} days`);
  t.ok(Date.parse(leaf.validFrom) < world.clock.now(), 'clocks of clients may be behind');
  t.equal(certificate.status?.notAfter, new Date(leaf.validTo).toISOString().replace('.000', ''));
  t.match(leaf.serialNumber, /^[4-7][0-9A-F]{31}$/, 'positive and random');
});

t.test('it is renewed before it expires, and after what would make it useless', async (t) => {
  const world = await World.open(t);
  await world.start();
  await world.certificate('web', ['web.example.com']);
  await world.ready('web');
  let known = serialOf(await world.secret('web'));
  const renewed = async (why: string): Promise<void> => {
    const secret = await world.secret('web', (one) => serialOf(one) !== known);
    known = serialOf(secret);
    t.ok(Date.parse(new X509Certificate(keyPairOf(secret).cert).validTo) > world.clock.now() + 60 * DAY, why);
    await world.ready('web');
  };
  for (let days = 0; days < 55; days++) {
    world.clock.advance(DAY);
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal(serialOf(await world.secret('web')), known, 'not in its first 55 days');
  for (let days = 55; days < 65; days++) {
    world.clock.advance(DAY);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await renewed('a third of its life before it expires');

  await world.client.patch(Certificate, 'default', 'web', {
    spec: { dnsNames: ['web.example.com', 'also.example.com'] },
  });
  await renewed('other names');
  t.ok(new X509Certificate(keyPairOf(await world.secret('web')).cert).checkHost('also.example.com'));

  await world.client.patch(Secret, 'default', 'web-secret', { data: { 'tls.key': 'bm9uZQ==' } });
  await renewed('a key that cannot be read');
  await world.client.delete(Secret, 'default', 'web-secret');
  await renewed('a Secret that was deleted');
  await world.client.delete(Secret, SERVING_NAMESPACE, GATEWAY_CA_SECRET);
  await renewed('another CA');
  t.ok(
    new X509Certificate(keyPairOf(await world.secret('web')).cert).verify(
      new X509Certificate(keyPairOf(await world.ca()).cert).publicKey,
    ),
  );
});

t.test('restarts keep the CA and every certificate', async (t) => {
  const world = await World.open(t);
  await world.start();
  await world.certificate('web', ['web.example.com']);
  await world.ready('web');
  const [ca, secret] = [await world.ca(), await world.secret('web')];
  await world.start();
  await world.certificate('second', ['second.example.com']);
  await world.ready('second');
  t.equal((await world.ca()).metadata.resourceVersion, ca.metadata.resourceVersion);
  t.equal((await world.secret('web')).metadata.resourceVersion, secret.metadata.resourceVersion);
});

t.test('many at once share one CA', async (t) => {
  const world = await World.open(t);
  await world.start();
  const names = Array.from({ length: 20 }, (_, i) => `c${i}`);
  await Promise.all(names.map((name) => world.certificate(name, [`${name}.example.com`])));
  await Promise.all(names.map((name) => world.ready(name)));
  const root = new X509Certificate(keyPairOf(await world.ca()).cert);
  for (const name of names)
    t.ok(new X509Certificate(keyPairOf(await world.secret(name)).cert).verify(root.publicKey), name);
});

t.test('the CA is replaced in its last year, and everything issued anew', async (t) => {
  const world = await World.open(t);
  await world.start();
  await world.certificate('web', ['web.example.com']);
  await world.ready('web');
  const [ca, secret] = [await world.ca(), await world.secret('web')];
  world.clock.advance(3300 * DAY);
  const next = await world.secret('web', (one) => {
    const root = one.data?.['ca.crt'];
    return root !== secret.data?.['ca.crt'];
  });
  const root = new X509Certificate(keyPairOf(await world.ca((one) => serialOf(one) !== serialOf(ca))).cert);
  t.ok(new X509Certificate(keyPairOf(next).cert).verify(root.publicKey));
  t.ok(Date.parse(root.validTo) > world.clock.now() + 3600 * DAY);
});

t.test('what is not ours is left alone, and said', async (t) => {
  const world = await World.open(t);
  await world.client.create(Secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'taken-secret', namespace: 'default' },
    data: { mine: 'bWluZQ==' },
  });
  await world.start();
  await world.certificate('other', ['other.example.com'], 'somebody.example.com');
  await world.certificate('taken', ['taken.example.com']);
  const taken = await world.until<Certificate>(
    Certificate,
    'taken',
    (one) => conditionOf(one.status, 'Ready')?.status === 'False',
  );
  t.match(conditionOf(taken.status, 'Ready'), {
    reason: 'NotOwned',
    message: 'There is an existing Secret "taken-secret" that we do not own.',
  });
  t.strictSame((await world.secret('taken')).data, { mine: 'bWluZQ==' });
  t.equal((await world.client.get(Certificate, 'default', 'other')).status, undefined, 'a class of somebody else');
  await world.client.delete(Secret, 'default', 'taken-secret');
  world.clock.advance(10_000);
  await world.ready('taken');
});

t.test("a CA of the user's own that cannot issue is a condition, not a crash", async (t) => {
  const world = await World.open(t);
  const metadata = { name: GATEWAY_CA_SECRET, namespace: SERVING_NAMESPACE };
  const secret: Secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls' };
  await world.client.create(Secret, { ...secret, data: { 'tls.crt': 'bm8=', 'tls.key': 'bm8=' } });
  await world.start();
  await world.certificate('web', ['web.example.com']);
  const refused = await world.until<Certificate>(
    Certificate,
    'web',
    (one) => conditionOf(one.status, 'Ready')?.status === 'False',
  );
  t.match(conditionOf(refused.status, 'Ready'), {
    reason: 'CertificateAuthorityInvalid',
    message: /^Secret "zeroth-gateway-ca" .* tls.crt and tls.key cannot be read\. Delete it to have a new one made\.$/,
  });
  await world.client.delete(Secret, SERVING_NAMESPACE, GATEWAY_CA_SECRET);
  await world.ready('web');
});
