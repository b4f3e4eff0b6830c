import { once } from 'node:events';
import { connect } from 'node:tls';
import t from 'tap';
import { Secret } from '../../../api/core.ts';
import { CERTIFICATE_UID_LABEL } from '../../../api/networking/certificate.ts';
import { Ingress } from '../../../api/networking/ingress.ts';
import { conditionOf, isReady } from '../../../kube/conditions.ts';
import { Authority, tlsSecret, type KeyPair } from '../authority.ts';
import { World } from './process.ts';
import { startPod, waitFor } from './rig.ts';

void t.test('certificates come from the Secrets that Ingresses name', async (t) => {
  const world = await World.open(t);
  const authority = await Authority.make();
  const pod = await startPod(t, (_, response) => response.end());
  const activator = await (await world.start(t, { GATEWAY_EXTERNAL_TLS: '127.0.0.1:0', LOG_LEVEL: 'debug' })).ready();
  const { client } = world;
  await world.revision('hello');
  await world.pods('hello', [pod.address]);

  const route = async (host: string, secretName: string): Promise<void> => {
    await world.route(host, [
      {
        hosts: [host],
        visibility: 'ExternalIP',
        http: {
          paths: [{ splits: [{ serviceName: 'hello', serviceNamespace: 'default', servicePort: 80, percent: 100 }] }],
        },
      },
    ]);
    const tls = [{ hosts: [host], secretName, secretNamespace: 'default' }];
    await client.patch(Ingress, 'default', host, { spec: { tls } });
  };
  /** The serial number of the certificate that a host is served with; undefined when its handshake fails. */
  const serial = async (host: string, of = activator): Promise<string | undefined> => {
    const port = of.port('externalTls');
    const socket = connect({ host: '127.0.0.1', port, servername: host, ca: authority.caCert });
    try {
      await once(socket, 'secureConnect');
      return socket.getPeerCertificate().serialNumber;
    } catch {
      return undefined;
    } finally {
      socket.destroy();
    }
  };
  const until = async <T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> => {
    let found: T | undefined | false;
    let looking = false;
    return waitFor(what, () => {
      if (found !== undefined && found !== false) return found;
      if (looking) return undefined;
      looking = true;
      void look().then((value) => {
        found = value;
        looking = false;
      });
      return undefined;
    });
  };
  const condition = async (host: string, status: string, reason?: string): Promise<string> =>
    until(`${host} ${status} ${reason}`, async () => {
      const found = conditionOf((await client.get(Ingress, 'default', host)).status, 'NetworkConfigured');
      return found?.status === status && found.reason === reason ? (found.message ?? 'none') : undefined;
    });
  const ready = (host: string): Promise<boolean> =>
    until(`${host} ready`, async () => isReady(await client.get(Ingress, 'default', host)));

  const cases: [string, string, Record<string, string>][] = [
    ['made.test', 'made for a Certificate, found by its label', { [CERTIFICATE_UID_LABEL]: 'uid' }],
    ['brought.test', 'brought by a user, found by its name', {}],
  ];
  for (const [host, name, labels] of cases)
    await t.test(name, async (t) => {
      const secret = (pair: KeyPair): Secret => tlsSecret(`${host}-cert`, pair, labels);
      await route(host, `${host}-cert`);
      t.match(
        await condition(host, 'Unknown', 'CertificateSecretNotFound'),
        /^Secret default\/.*-cert, .* does not exist/,
      );
      t.equal(await serial(host), undefined);
      await client.create(Secret, secret(await authority.issue([host])));
      await ready(host);
      const first = await serial(host);
      t.ok(first);

      const renewed = secret(await authority.issue([host]));
      await client.update(Secret, renewed);
      await until('the new one', async () => (await serial(host)) !== first);
      t.ok(isReady(await client.get(Ingress, 'default', host)));

      await client.update(Secret, { ...renewed, data: { ...renewed.data, 'tls.key': 'bm9uZQ==' } });
      t.match(
        await condition(host, 'False', 'CertificateSecretInvalid'),
        /holds no certificate and key that can be used/,
      );
      t.ok(await serial(host), 'the last good one is served');
      await client.delete(Secret, 'default', `${host}-cert`);
      await condition(host, 'Unknown', 'CertificateSecretNotFound');
      t.ok(await serial(host), 'still');
      await client.create(Secret, secret(await authority.issue([host])));
      await ready(host);

      await client.delete(Ingress, 'default', host);
      await until('no certificate', async () => (await serial(host)) === undefined);
    });

  await t.test('one that loses its label is found by name', async (t) => {
    const secret = tlsSecret('labelled', await authority.issue(['label.test']), { [CERTIFICATE_UID_LABEL]: 'uid' });
    await client.create(Secret, secret);
    await route('label.test', 'labelled');
    await ready('label.test');
    await client.update(Secret, { ...secret, metadata: { ...secret.metadata, labels: {} } });
    const next = tlsSecret('labelled', await authority.issue(['label.test']));
    const before = await serial('label.test');
    await client.update(Secret, next);
    t.ok(await until('the new one', async () => (await serial('label.test')) !== before));
  });

  await t.test('a process that starts knows its certificates with the first handshake', async (t) => {
    for (const [host, labels] of [
      ['labelled.start.test', { [CERTIFICATE_UID_LABEL]: 'uid' }],
      ['brought.start.test', {}],
    ] as const) {
      await client.create(Secret, tlsSecret(host, await authority.issue([host]), labels));
      await route(host, host);
      await ready(host);
    }
    const next = await world.start(t, { GATEWAY_EXTERNAL_TLS: '127.0.0.1:0' });
    await next.message('listening');
    const asked = ['labelled.start.test', 'brought.start.test', 'labelled.start.test', 'brought.start.test'];
    for (const found of await Promise.all(asked.map((host) => serial(host, next)))) t.ok(found);
  });

  t.notMatch(activator.output, /PRIVATE KEY|tls\.key":/, 'no secret in the log');
});
