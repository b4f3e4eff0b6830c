/** The kubeconfig that `zeroth up` writes: one cluster, one user, one context, all named zeroth. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { stringify } from 'yaml';

/** @param caCert PEM */
export function writeKubeconfig(path: string, server: string, caCert: string, token: string): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'zeroth', cluster: { server, 'certificate-authority-data': Buffer.from(caCert).toString('base64') } },
    ],
    users: [{ name: 'zeroth', user: { token } }],
    contexts: [{ name: 'zeroth', context: { cluster: 'zeroth', user: 'zeroth', namespace: 'default' } }],
    'current-context': 'zeroth',
  };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, stringify(config, { lineWidth: 0 }), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
