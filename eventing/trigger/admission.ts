/** Defaulting and validation of Eventing's kinds: pure, run in-process locally and by a webhook on a cluster. */
import type { Admission } from '../../kube/admission.ts';
import { brokerAdmission } from './admission/broker.ts';
import { triggerAdmission } from './admission/trigger.ts';

// Each admission is called only with objects of its own type.
export const eventingAdmissions: readonly Admission[] = [
  brokerAdmission as unknown as Admission,
  triggerAdmission as unknown as Admission,
];
