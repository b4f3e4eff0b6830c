/** Keeps a file with the CA of the gateway's certificates, for `curl --cacert` and the like: written when there is one. */
import { renameSync, writeFileSync } from 'node:fs';
import { Secret } from '../api/core.ts';
import { GATEWAY_CA_SECRET, SERVING_NAMESPACE } from '../api/zeroth.ts';
import type { Client } from '../kube/client.ts';
import { Informer } from '../kube/informer.ts';
import type { Logger } from '../kube/log.ts';

export function keepGatewayCa(client: Client, path: string, log: Logger): { stop(): Promise<void> } {
  const fieldSelector = `metadata.name=${GATEWAY_CA_SECRET}`;
  const informer = new Informer(client, Secret, log, { namespace: SERVING_NAMESPACE, fieldSelector });
  informer.onChange((_, secret) => {
    const cert = Buffer.from(secret?.data?.['tls.crt'] ?? '', 'base64').toString('utf8');
    if (cert === '') return;
    try {
      writeFileSync(`${path}.new`, cert);
      renameSync(`${path}.new`, path);
    } catch (error) {
      log.error('the file with the CA of the gateway could not be written', { path, error });
    }
  });
  informer.start();
  return {
    stop: () => {
      informer.stop();
      return Promise.resolve();
    },
  };
}
