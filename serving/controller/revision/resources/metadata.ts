/** Labels and annotations that a Revision hands to what it makes. Source: reference section 2.2. */
import type { Revision } from '../../../../api/serving/revision.ts';
import {
  APP_LABEL,
  AUTOSCALING_GROUP,
  LAST_PINNED,
  NO_GC,
  REVISION_LABEL,
  REVISION_UID_LABEL,
  ROUTE_LABEL,
  ROUTES_ANNOTATION,
  ROUTING_STATE_LABEL,
  ROUTING_STATE_MODIFIED,
  without,
} from '../../keys.ts';

const OWN_ANNOTATIONS: readonly string[] = [LAST_PINNED, NO_GC, ROUTING_STATE_MODIFIED, ROUTES_ANNOTATION];

export function childLabels(revision: Revision): Record<string, string> {
  const { name, uid = '', labels } = revision.metadata;
  return {
    [APP_LABEL]: name,
    ...without(labels, (key) => key === ROUTE_LABEL || key === ROUTING_STATE_LABEL),
    [REVISION_LABEL]: name,
    [REVISION_UID_LABEL]: uid,
  };
}

/** For Deployment, pods and Images; the PodAutoscaler also gets the autoscaling annotations. */
export function childAnnotations(revision: Revision): Record<string, string> {
  return without(autoscalerAnnotations(revision), (key) => key.startsWith(AUTOSCALING_GROUP));
}

export function autoscalerAnnotations(revision: Revision): Record<string, string> {
  return without(revision.metadata.annotations, (key) => OWN_ANNOTATIONS.includes(key));
}
