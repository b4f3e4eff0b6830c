/** The Revision of a Configuration's generation. Source: reference sections 2.1 and 2.2. */
import { apiVersionOf } from '../../../api/resource.ts';
import { Configuration } from '../../../api/serving/configuration.ts';
import { Revision } from '../../../api/serving/revision.ts';
import { childName } from '../../../kube/names.ts';
import { controllerRef } from '../../../kube/reconciler.ts';
import {
  CONFIGURATION_GENERATION_LABEL,
  CONFIGURATION_LABEL,
  CONFIGURATION_UID_LABEL,
  CREATOR,
  LAST_MODIFIER,
  ROUTES_ANNOTATION,
  ROUTING_STATE_LABEL,
  ROUTING_STATE_MODIFIED,
  SERVICE_LABEL,
  SERVICE_UID_LABEL,
} from '../keys.ts';

/** @param now RFC 3339, seconds: when the routing state was last set */
export function makeRevision(configuration: Configuration, now: string): Revision {
  const { name, namespace, uid = '', generation = 0, labels = {}, annotations = {} } = configuration.metadata;
  const { metadata = {}, spec } = configuration.spec.template;
  const routes = annotations[ROUTES_ANNOTATION];
  const inherited: Record<string, string | undefined> = {
    [SERVICE_LABEL]: labels[SERVICE_LABEL],
    [SERVICE_UID_LABEL]: labels[SERVICE_UID_LABEL],
  };
  return {
    apiVersion: apiVersionOf(Revision),
    kind: Revision.kind,
    metadata: {
      name: revisionName(configuration),
      namespace,
      labels: {
        ...metadata.labels,
        [CONFIGURATION_LABEL]: name,
        [CONFIGURATION_GENERATION_LABEL]: String(generation),
        [CONFIGURATION_UID_LABEL]: uid,
        ...present(inherited),
        [ROUTING_STATE_LABEL]: routes === undefined ? 'pending' : 'active',
      },
      annotations: {
        ...metadata.annotations,
        ...present({ [CREATOR]: annotations[LAST_MODIFIER], [ROUTES_ANNOTATION]: routes }),
        [ROUTING_STATE_MODIFIED]: now,
      },
      ownerReferences: [controllerRef(configuration, Configuration)],
    },
    spec,
  };
}

export function revisionName(configuration: Configuration): string {
  const given = configuration.spec.template.metadata?.name ?? '';
  if (given !== '') return given;
  const generation = String(configuration.metadata.generation ?? 0).padStart(5, '0');
  return childName(configuration.metadata.name, `-${generation}`);
}

function present(map: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(map).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  );
}
