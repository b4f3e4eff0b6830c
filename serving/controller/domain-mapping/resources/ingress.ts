/** The Ingress of a DomainMapping: its domain, answered under the name of what it stands for. */
import { Ingress, type IngressPath } from '../../../../api/networking/ingress.ts';
import { apiVersionOf } from '../../../../api/resource.ts';
import { DomainMapping } from '../../../../api/serving/domain-mapping.ts';
import { childName } from '../../../../kube/names.ts';
import { controllerRef } from '../../../../kube/reconciler.ts';
import type { NetworkConfig } from '../../config/network.ts';
import {
  CERTIFICATE_CLASS,
  DOMAIN_MAPPING_NAMESPACE_LABEL,
  DOMAIN_MAPPING_UID_LABEL,
  INGRESS_CLASS,
  LAST_APPLIED,
  union,
  without,
} from '../../keys.ts';
import { httpOptionOf, ingressClassOf } from '../../route/resources/ingress.ts';
import type { Target } from '../target.ts';

export interface MappingTls {
  readonly tls: NonNullable<Ingress['spec']['tls']>;
  /** By host: paths to be answered before all others. */
  readonly challenges: readonly { readonly host: string; readonly path: IngressPath }[];
}

export function makeMappingIngress(
  mapping: DomainMapping,
  target: Target,
  { tls, challenges }: MappingTls,
  network: NetworkConfig,
): Ingress {
  const { name, namespace = '', uid = '', labels, annotations } = mapping.metadata;
  const httpOption = httpOptionOf(annotations, network);
  const aliases: readonly string[] = [INGRESS_CLASS[1], CERTIFICATE_CLASS[1], LAST_APPLIED];
  const here = challenges.filter(({ host }) => host === name).map(({ path }) => path);
  const elsewhere = challenges.filter(({ host }) => host !== name);
  return {
    apiVersion: apiVersionOf(Ingress),
    kind: Ingress.kind,
    metadata: {
      name: childName(name, ''),
      namespace,
      labels: union(labels, { [DOMAIN_MAPPING_UID_LABEL]: uid, [DOMAIN_MAPPING_NAMESPACE_LABEL]: namespace }),
      annotations: {
        ...without(annotations, (key) => aliases.includes(key)),
        [INGRESS_CLASS[0]]: ingressClassOf(annotations, network),
      },
      ownerReferences: [controllerRef(mapping, DomainMapping)],
    },
    spec: {
      rules: [
        {
          hosts: [name],
          visibility: 'ExternalIP',
          http: {
            paths: [
              ...here,
              {
                rewriteHost: target.host,
                splits: [
                  {
                    serviceNamespace: namespace,
                    serviceName: target.service,
                    servicePort: 80,
                    percent: 100,
                    appendHeaders: { 'K-Original-Host': name },
                  },
                ],
              },
            ],
          },
        },
        ...elsewhere.map(({ host, path }) => ({
          hosts: [host],
          visibility: 'ExternalIP' as const,
          http: { paths: [path] },
        })),
      ],
      ...(tls.length === 0 ? {} : { tls: [...tls] }),
      ...(httpOption === undefined ? {} : { httpOption }),
    },
  };
}
