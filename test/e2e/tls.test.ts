// TLS on a whole instance: certificates, names, redirects, rotation, restarts; driven by the real kubectl.
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import https from 'node:https';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { kubectlMissing } from '../kubectl.ts';
import { Authority, tlsSecret } from '../serving/authority.ts';
import { eventually, Instance } from './instance.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly certificate: X509Certificate;
}

interface Conditions {
  readonly status?: {
    readonly url?: string;
    readonly conditions?: { type: string; status: string; reason?: string; message?: string }[];
  };
}

const service = (name: string, annotations = '{}'): string => `
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: ${name}, annotations: ${annotations} }
spec:
  template:
    metadata: { annotations: { autoscaling.knative.dev/min-scale: '1' } }
    spec:
      containers: [{ image: canary, env: [{ name: VERSION, value: ${name} }] }]
`;

t.test('names get certificates, and are served over TLS', { skip: await kubectlMissing() }, async (t) => {
  let zeroth = await Instance.start();
  t.teardown(() => zeroth.remove());
  t.equal((await zeroth.zeroth(['build', 'examples/canary', '-t', 'canary'])).code, 0);
  const ready = (): { https: string; gatewayCa: string } =>
    JSON.parse(readFileSync(join(zeroth.state, 'ready.json'), 'utf8')) as { https: string; gatewayCa: string };
  const httpsPort = (): number => Number(new URL(ready().https).port);
  const ca = (): string => readFileSync(ready().gatewayCa, 'utf8');
  const network = (data: Record<string, string | null>): Promise<string> =>
    zeroth.ok([
      '-n',
      'knative-serving',
      'patch',
      'cm',
      'config-network',
      '--type=merge',
      '-p',
      JSON.stringify({ data }),
    ]);
  const get = (host: string, options: https.RequestOptions = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const headers = { Host: `${host}:${httpsPort()}` };
      https
        .request(
          { host: '127.0.0.1', port: httpsPort(), servername: host, headers, agent: false, ca: ca(), ...options },
          (response) => {
            const { raw } = (
              response.socket as unknown as { getPeerCertificate(): { raw: Buffer } }
            ).getPeerCertificate();
            let body = '';
            response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
            response.on('error', reject);
            response.on('end', () =>
              resolve({ status: response.statusCode ?? 0, body: body.trim(), certificate: new X509Certificate(raw) }),
            );
          },
        )
        .on('error', reject)
        .end();
    });
  const url = async (kind: string, name: string): Promise<string> => {
    const { status } = await zeroth.json<Conditions>(['get', kind, name]);
    return status?.url ?? '';
  };
  const condition = async (kind: string, name: string, type: string) =>
    (await zeroth.json<Conditions>(['get', kind, name])).status?.conditions?.find((one) => one.type === type);

  await zeroth.ok(['apply', '-f', '-'], service('one'));
  await zeroth.ok(['apply', '-f', '-'], service('two'));
  await zeroth.ok(['wait', 'ksvc', '--all', '--for=condition=Ready', '--timeout=30s']);
  t.match((await zeroth.zeroth(['status'])).stdout, /no certificates yet/);

  await t.test('external-domain-tls is switched on live', async (t) => {
    await network({ 'external-domain-tls': 'Enabled' });
    for (const name of ['one', 'two']) {
      const expected = `https://${name}.default.localhost:${httpsPort()}`;
      await eventually(`${name} https`, async () => (await url('ksvc', name)) === expected);
      const answer = await get(`${name}.default.localhost`);
      t.match(answer, { status: 200, body: name });
      t.equal(answer.certificate.subjectAltName, `DNS:${name}.default.localhost`, 'its own certificate');
      t.equal((await condition('route', name, 'CertificateProvisioned'))?.status, 'True');
    }
    t.match((await zeroth.zeroth(['status'])).stdout, new RegExp(`curl --cacert \\S*${ready().gatewayCa}`));
    t.match(await zeroth.fetch('one.default.localhost'), { status: 200, body: 'one\n' }, 'http is served too');
    t.match(await zeroth.ok(['get', 'kcert']), /READY[^]*True/);
  });

  await t.test('HTTP/2 by ALPN, nothing for other names', async (t) => {
    const socket = connectTls({
      host: '127.0.0.1',
      port: httpsPort(),
      servername: 'one.default.localhost',
      ALPNProtocols: ['h2'],
      ca: ca(),
    });
    const session = connectHttp2('https://one.default.localhost', { createConnection: () => socket });
    t.teardown(() => session.destroy());
    let body = '';
    for await (const chunk of session.request({ ':path': '/' }).setEncoding('utf8')) body += String(chunk);
    t.equal(body, 'one\n');
    await t.rejects(get('nobody.default.localhost'), { message: /handshake failure/ });
  });

  await t.test('plain HTTP is redirected, for all or by annotation', async (t) => {
    const annotation = `{ networking.knative.dev/http-protocol: Redirected }`;
    await zeroth.ok(['apply', '-f', '-'], service('one', annotation));
    const location = `https://one.default.localhost:${httpsPort()}/p?q=1`;
    await eventually(
      'a redirect',
      async () => (await zeroth.fetch('one.default.localhost', { path: '/p?q=1' })).status === 301,
    );
    t.match(await zeroth.fetch('one.default.localhost', { path: '/p?q=1' }), { headers: { location } });
    t.match(await zeroth.fetch('two.default.localhost'), { status: 200 });
    await network({ 'http-protocol': 'Redirected' });
    await eventually('the other', async () => (await zeroth.fetch('two.default.localhost')).status === 301);
    await network({ 'http-protocol': null });
    await eventually('no longer', async () => (await zeroth.fetch('two.default.localhost')).status === 200);
    t.match(await get('one.default.localhost'), { status: 200 });
  });

  await t.test('a certificate is renewed under load without a failed request', async (t) => {
    const secret = (await zeroth.ok(['get', 'kcert', '-l', 'serving.knative.dev/route=two', '-o', 'name'])).trim();
    const name = secret.slice(secret.indexOf('/') + 1);
    const agent = new https.Agent({ keepAlive: true, maxSockets: 4, ca: ca() });
    t.teardown(() => agent.destroy());
    const failures: string[] = [];
    const serials = new Set<string>();
    let running = true;
    let sent = 0;
    const load = Array.from({ length: 6 }, async (_, i) => {
      while (running) {
        sent++;
        await get('two.default.localhost', i < 3 ? { agent } : {}).then(
          ({ status, certificate }) => {
            serials.add(certificate.serialNumber);
            if (status !== 200) failures.push(String(status));
          },
          (error: Error) => failures.push(error.message),
        );
      }
    });
    for (let rotation = 1; rotation <= 3; rotation++) {
      await zeroth.ok(['delete', 'secret', name]);
      await eventually(`certificate ${rotation + 1}`, () => serials.size > rotation);
    }
    running = false;
    await Promise.all(load);
    t.strictSame(failures, [], `of ${sent}`);
  });

  await t.test('a DomainMapping, with a certificate of ours and one of a user', async (t) => {
    const mapping = (host: string, tls = ''): string => `
apiVersion: serving.knative.dev/v1beta1
kind: DomainMapping
metadata: { name: ${host} }
spec: { ref: { kind: Service, name: one, apiVersion: serving.knative.dev/v1 }${tls} }
`;
    await zeroth.ok(['apply', '-f', '-'], mapping('ours.example.com'));
    await zeroth.ok(['wait', 'dm/ours.example.com', '--for=condition=Ready', '--timeout=30s']);
    await eventually('https', async () => (await url('dm', 'ours.example.com')).startsWith('https://'));
    t.equal(await url('dm', 'ours.example.com'), `https://ours.example.com:${httpsPort()}`);
    t.match(await get('ours.example.com'), { status: 200, body: 'one' });

    await zeroth.ok(['apply', '-f', '-'], mapping('theirs.example.com', ', tls: { secretName: brought }'));
    await eventually('a word of the missing Secret', async () => {
      const found = await condition('dm', 'theirs.example.com', 'IngressReady');
      return found?.reason === 'CertificateSecretNotFound' && /default\/brought/.test(found.message ?? '');
    });
    const authority = await Authority.make();
    const secret = tlsSecret('brought', await authority.issue(['theirs.example.com']));
    await zeroth.ok(['apply', '-f', '-'], JSON.stringify(secret));
    await zeroth.ok(['wait', 'dm/theirs.example.com', '--for=condition=Ready', '--timeout=30s']);
    t.match(await get('theirs.example.com', { ca: authority.caCert }), { status: 200, body: 'one' });
  });

  await t.test('names inside the cluster', async (t) => {
    await network({ 'cluster-local-domain-tls': 'Enabled' });
    const address = async (): Promise<string> =>
      zeroth.ok(['get', 'route', 'one', '-o', 'jsonpath={.status.address.url}']);
    await eventually('https', async () => (await address()).startsWith('https://one.default.svc.cluster.local'));
    const host = 'one.default.svc.cluster.local';
    const slice = ['-n', 'knative-serving', 'get', 'endpointslice', 'activator-service', '-o'];
    const gateway = await zeroth.ok([...slice, 'jsonpath={.endpoints[0].addresses[0]}']);
    const port = Number(new URL(await address()).port || 443);
    for (const name of [host, 'one.default.svc', 'one.default'])
      t.match(await get(name, { host: gateway, port, headers: { Host: name } }), { status: 200, body: 'one' }, name);
    await network({ 'cluster-local-domain-tls': null });
    await eventually('http', async () => (await address()).startsWith('http://'));
  });

  await t.test('a namespace with a wildcard certificate needs no others', async (t) => {
    await network({ 'namespace-wildcard-cert-selector': 'matchLabels: { wildcard: "yes" }' });
    await zeroth.ok(['create', 'namespace', 'wild']);
    await zeroth.ok(['label', 'namespace', 'wild', 'wildcard=yes']);
    await zeroth.ok(['-n', 'wild', 'wait', 'kcert/wild.localhost', '--for=condition=Ready', '--timeout=30s']);
    await zeroth.ok(['-n', 'wild', 'apply', '-f', '-'], service('any'));
    await zeroth.ok(['-n', 'wild', 'wait', 'ksvc/any', '--for=condition=Ready', '--timeout=30s']);
    const answer = await get('any.wild.localhost');
    t.match(answer, { status: 200, body: 'any' });
    t.equal(answer.certificate.subjectAltName, 'DNS:*.wild.localhost');
    t.equal((await zeroth.ok(['-n', 'wild', 'get', 'kcert', '-o', 'name'])).trim().split('\n').length, 1);
  });

  await t.test('cert-manager, which is not here, is said to be missing, and http goes on', async (t) => {
    await network({ 'certificate-class': 'cert-manager.certificate.networking.knative.dev' });
    await zeroth.ok(['apply', '-f', '-'], service('three'));
    await zeroth.ok(['wait', 'ksvc/three', '--for=condition=Ready', '--timeout=30s']);
    t.match(await condition('route', 'three', 'CertificateProvisioned'), { status: 'True', reason: 'HTTPDowngrade' });
    t.equal(await url('ksvc', 'three'), `http://three.default.localhost:${zeroth.httpPort}`);
    const name = (await zeroth.ok(['get', 'kcert', '-l', 'serving.knative.dev/route=three', '-o', 'name'])).trim();
    await eventually('the reason', async () => {
      const found = await condition('kcert', name.slice(name.indexOf('/') + 1), 'Ready');
      return found?.reason === 'CertManagerNotInstalled' && /config-network/.test(found.message ?? '');
    });
    await network({ 'certificate-class': 'zeroth.certificate.networking.knative.dev' });
    await eventually('https', async () => (await url('ksvc', 'three')).startsWith('https://'));
    t.match(await get('three.default.localhost'), { status: 200, body: 'three' });
  });

  await t.test('a restart keeps the CA and the certificates', async (t) => {
    const [before, answer] = [ca(), await get('one.default.localhost')];
    const { state } = zeroth;
    await zeroth.kill();
    zeroth = await Instance.start([], state);
    await eventually('the new port', async () => (await url('ksvc', 'one')).endsWith(`:${httpsPort()}`));
    t.equal(ca(), before);
    const after = await get('one.default.localhost');
    t.equal(after.certificate.serialNumber, answer.certificate.serialNumber);
  });

  const log = readFileSync(join(zeroth.state, 'zeroth.log'), 'utf8');
  t.notMatch(log, /PRIVATE KEY|"tls\.key"/, 'no secret in the log');
});
