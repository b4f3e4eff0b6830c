/** Checks of the ConfigMaps of Serving when they are written. Source: reference section 5. */
import type { ConfigMap } from '../../../api/core.ts';
import { checkAutoscaler } from './autoscaler-rules.ts';
import { parseCertManager } from './cert-manager.ts';
import { parseDefaults } from './defaults.ts';
import { parseDeployment } from './deployment.ts';
import { parseDomain } from './domain.ts';
import { parseFeatures } from './features.ts';
import { parseGc } from './gc.ts';
import { parseLeaderElection } from './leader-election.ts';
import { parseLogging } from './logging.ts';
import { parseNetwork } from './network.ts';
import { parseObservability } from './observability.ts';
import { ConfigError, type ConfigData } from './parse.ts';
import { withoutExample } from './store.ts';

export const COMPONENT_LABEL = 'app.kubernetes.io/name';
export const COMPONENT = 'knative-serving';
const CHECKSUM = 'knative.dev/example-checksum';

const PARSERS: Readonly<Record<string, (data: ConfigData) => unknown>> = {
  'config-autoscaler': checkAutoscaler,
  'config-defaults': parseDefaults,
  'config-deployment': parseDeployment,
  'config-domain': parseDomain,
  'config-features': parseFeatures,
  'config-gc': parseGc,
  'config-network': parseNetwork,
  'config-observability': parseObservability,
  'config-logging': parseLogging,
  'config-leader-election': parseLeaderElection,
  'config-certmanager': parseCertManager,
};

/** @returns what is wrong, or undefined; ConfigMaps of other names have no rules here */
export function validateConfigMap(map: ConfigMap): string | undefined {
  const parse = PARSERS[map.metadata.name];
  if (parse === undefined) return undefined;
  const example = map.data?._example;
  const checksum = map.metadata.annotations?.[CHECKSUM];
  if (example !== undefined && checksum !== undefined && checksum !== exampleChecksum(example))
    return (
      `the update modifies a key in "_example" which is probably not what you want. Instead, copy the respective ` +
      `setting to the top-level of the ConfigMap, directly below "data"`
    );
  try {
    parse(withoutExample(map.data));
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

/** CRC-32 of the text without surrounding blanks and with plain line ends, in hexadecimal. */
export function exampleChecksum(example: string): string {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(example.trim().replaceAll('\r\n', '\n'))) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0');
}
