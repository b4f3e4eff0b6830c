/** Feature flags of config-features that admission looks at. */
import { EVENTING_NAMESPACE } from '../../../api/zeroth.ts';
import type { AdmissionContext } from '../../../kube/admission.ts';

export interface Features {
  readonly deliveryTimeout: boolean;
  readonly deliveryRetryAfter: boolean;
  readonly referenceGroup: boolean;
  readonly crossNamespaceLinks: boolean;
}

export function featuresOf(context: AdmissionContext): Features {
  const flags = context.config(EVENTING_NAMESPACE, 'config-features');
  const enabled = (flag: string, byDefault: boolean): boolean => {
    const value = flags[flag];
    return value === undefined ? byDefault : value.trim().toLowerCase() === 'enabled';
  };
  return {
    deliveryTimeout: enabled('delivery-timeout', true),
    deliveryRetryAfter: enabled('delivery-retryafter', false),
    referenceGroup: enabled('kreference-group', false),
    crossNamespaceLinks: enabled('cross-namespace-event-links', false),
  };
}
