/** A user's own admission webhook, run as a pod behind a Service, has its say in a local instance. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { issueCertificate } from '../../kube/certificate.ts';
import { kubectlMissing } from '../kubectl.ts';
import { eventually, Instance } from './instance.ts';

const skip = await kubectlMissing();

/** Names the team of every Knative Service that has none, and refuses those of team `banned`. */
const PROGRAM = `
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
const file = (name) => readFileSync('/certs/' + name);
createServer({ cert: file('tls.crt'), key: file('tls.key') }, async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  const { apiVersion, kind, request: review } = JSON.parse(text);
  const labels = review.object.metadata.labels ?? {};
  const answer = { uid: review.uid, allowed: true };
  if (request.url.startsWith('/label') && labels.team === undefined) {
    const patch = [{ op: 'add', path: '/metadata/labels', value: { ...labels, team: 'unnamed' } }];
    Object.assign(answer, { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') });
  }
  if (request.url.startsWith('/check') && labels.team === 'banned')
    Object.assign(answer, { allowed: false, status: { code: 403, message: 'not for that team' } });
  response.end(JSON.stringify({ apiVersion, kind, response: answer }));
}).listen(Number(process.env.PORT ?? 8443));
`;

t.test('it labels and refuses Knative Services', { skip }, async (t) => {
  const instance = await Instance.start();
  t.teardown(() => instance.remove());
  const folder = mkdtempSync(join(tmpdir(), 'zeroth-hook-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'server.mjs'), PROGRAM);
  t.match(await instance.zeroth(['build', folder, '-t', 'team-hook']), { code: 0 });

  const { caCert, cert, key } = await certificate(['team.default.svc']);
  const hook = (name: string, path: string) => ({
    name,
    clientConfig: {
      service: { name: 'team', namespace: 'default', path },
      caBundle: Buffer.from(caCert).toString('base64'),
    },
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    rules: [
      {
        apiGroups: ['serving.knative.dev'],
        apiVersions: ['v1'],
        resources: ['services'],
        operations: ['CREATE', 'UPDATE'],
      },
    ],
  });
  const labels = { app: 'team' };
  await apply(
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'team-cert' },
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': cert, 'tls.key': key },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'team' },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            containers: [
              {
                name: 'hook',
                image: 'team-hook',
                ports: [{ containerPort: 8443 }],
                env: [{ name: 'PORT', value: '8443' }],
                readinessProbe: { tcpSocket: { port: 8443 } },
                volumeMounts: [{ name: 'certs', mountPath: '/certs' }],
              },
            ],
            volumes: [{ name: 'certs', secret: { secretName: 'team-cert' } }],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'team' },
      spec: { selector: labels, ports: [{ port: 443, targetPort: 8443 }] },
    },
  );
  await instance.ok(['rollout', 'status', 'deployment/team', '--timeout=60s']);
  await apply(
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'team' },
      webhooks: [hook('label.example.com', '/label')],
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'team' },
      webhooks: [hook('check.example.com', '/check')],
    },
  );

  const service = (name: string, more: object = {}) => ({
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { name, labels: more },
    spec: { template: { spec: { containers: [{ image: 'team-hook' }] } } },
  });
  await eventually('its endpoints are there', async () => {
    const { code, stderr } = await instance.kubectl(['apply', '-f', '-'], JSON.stringify(service('plain')));
    if (code !== 0) t.match(stderr, /no endpoints available for service "team"/);
    return code === 0;
  });
  t.equal(await instance.ok(['get', 'ksvc', 'plain', '-o', 'jsonpath={.metadata.labels.team}']), 'unnamed');
  const refused = await instance.kubectl(['apply', '-f', '-'], JSON.stringify(service('other', { team: 'banned' })));
  t.match(refused, {
    code: 1,
    stderr:
      /Error from server: error when creating "STDIN": admission webhook "check\.example\.com" denied the request: not for that team/,
  });
  t.match(await instance.kubectl(['label', 'ksvc', 'plain', 'team=banned', '--overwrite']), { code: 1 });

  await instance.ok(['scale', 'deployment/team', '--replicas=0']);
  await eventually('nobody answers any more', async () => {
    const { stderr } = await instance.kubectl(['apply', '-f', '-'], JSON.stringify(service('late')));
    return stderr.includes('failed calling webhook "label.example.com"');
  });

  async function apply(...objects: object[]): Promise<void> {
    await instance.ok(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  }
});

async function certificate(names: string[]) {
  const [ca, leaf] = [0, 1].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  if (ca === undefined || leaf === undefined) throw new Error('no keys');
  const pem = ca.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const issuer = { commonName: 'team-ca', privateKey: createPrivateKey(pem) };
  return {
    caCert: await issueCertificate(
      { commonName: 'team-ca', publicKey: ca.publicKey, usage: 'ca', ...validity },
      issuer,
    ),
    cert: await issueCertificate(
      { commonName: 'team', publicKey: leaf.publicKey, usage: 'server', names, ...validity },
      issuer,
    ),
    key: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
