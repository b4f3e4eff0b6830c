/** A webhook as users write them: HTTPS, its own CA, a function from AdmissionRequest to AdmissionResponse. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import { issueCertificate } from '../../../kube/certificate.ts';

export interface HookRequest {
  readonly uid: string;
  readonly operation: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly subResource?: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly resource: { readonly resource: string };
  readonly object: Record<string, never> | null;
  readonly oldObject: Record<string, never> | null;
  readonly dryRun: boolean;
  readonly options: Record<string, unknown> | null;
  readonly userInfo: { readonly username: string; readonly groups: readonly string[] };
}

/** May return a promise. */
export type Respond = (request: HookRequest, path: string) => unknown;

export interface HookServer {
  readonly url: string;
  readonly port: number;
  /** Base64 of the CA's PEM. */
  readonly caBundle: string;
  readonly requests: (HookRequest & { path: string })[];
  respond: Respond;
  /** Lets go of connections that wait for another request. */
  dropIdle(): void;
}

/** Response members become an AdmissionReview; a string is sent as it is, a number as a status, undefined never. */
export async function startHookServer(t: Test, respond: Respond, names: string[] = []): Promise<HookServer> {
  const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const issuer = { commonName: 'hook-ca', privateKey: createPrivateKey(pem(ca.privateKey)) };
  const caCert = await issueCertificate(
    { commonName: 'hook-ca', publicKey: ca.publicKey, usage: 'ca', ...validity },
    issuer,
  );
  const cert = await issueCertificate(
    { commonName: 'hook', publicKey: leaf.publicKey, usage: 'server', names: ['127.0.0.1', ...names], ...validity },
    issuer,
  );
  const requests: HookServer['requests'] = [];
  const server = createServer({ cert, key: pem(leaf.privateKey) }, (request, response) => {
    void text(request).then(async (body) => {
      const review = JSON.parse(body) as { apiVersion: string; request: HookRequest };
      const path = (request.url ?? '').split('?')[0] ?? '';
      requests.push({ ...review.request, path });
      const answer = await hooks.respond(review.request, path);
      if (answer === undefined) return;
      if (typeof answer === 'number') return response.writeHead(answer).end('it broke');
      if (typeof answer === 'string') return response.end(answer);
      const reply = { uid: review.request.uid, ...(answer as object) };
      return response.end(JSON.stringify({ apiVersion: review.apiVersion, kind: 'AdmissionReview', response: reply }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  const { port } = server.address() as AddressInfo;
  const hooks: HookServer = {
    url: `https://127.0.0.1:${port}`,
    port,
    caBundle: Buffer.from(caCert).toString('base64'),
    requests,
    respond,
    dropIdle: () => server.closeIdleConnections(),
  };
  return hooks;
}

/** An answer that changes the object. */
export function patchWith(...operations: readonly unknown[]) {
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
  return { allowed: true, patchType: 'JSONPatch', patch };
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
