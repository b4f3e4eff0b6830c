/** config-certmanager: who signs certificates on a cluster with cert-manager. Source: reference section 5. */
import { ConfigError, isRecord, notOfType, yaml, type ConfigData } from './parse.ts';

export interface IssuerReference {
  readonly name: string;
  readonly kind: string;
  readonly group: string | undefined;
}

export interface CertManagerConfig {
  readonly issuerRef: IssuerReference;
  readonly clusterLocalIssuerRef: IssuerReference;
  readonly systemInternalIssuerRef: IssuerReference;
}

const SELF_SIGNED = { kind: 'ClusterIssuer', name: 'knative-selfsigned-issuer', group: undefined };

/** @throws ConfigError */
export function parseCertManager(data: ConfigData): CertManagerConfig {
  return {
    issuerRef: issuer(data, 'issuerRef'),
    clusterLocalIssuerRef: issuer(data, 'clusterLocalIssuerRef'),
    systemInternalIssuerRef: issuer(data, 'systemInternalIssuerRef'),
  };
}

/** What is left out is that of Knative's own issuer. */
function issuer(data: ConfigData, key: string): IssuerReference {
  const value = yaml(data, key);
  if (value === undefined || value === null) return SELF_SIGNED;
  if (!isRecord(value)) throw notOfType(value, 'v1.ObjectReference');
  const part = (field: string): string | undefined => {
    const given = value[field];
    if (given === undefined || given === null) return undefined;
    if (typeof given !== 'string') throw new ConfigError(`failed to parse "${key}": ${field} is not a text`);
    return given;
  };
  return { kind: part('kind') ?? SELF_SIGNED.kind, name: part('name') ?? SELF_SIGNED.name, group: part('group') };
}
