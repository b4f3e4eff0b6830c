/** The internal kinds but Ingress: PodAutoscaler, Metric, ServerlessService, Certificate. Reference section 1.2. */
import type { Metric, PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import { invalidValue, missingField, outOfBounds, viaField, type FieldError } from '../../../api/field-error.ts';
import type { Certificate } from '../../../api/networking/certificate.ts';
import type { ServerlessService } from '../../../api/networking/serverless-service.ts';
import { validateAutoscaling } from './autoscaling.ts';
import type { ServingContext } from './context.ts';
import { disallowedInReference } from './reference.ts';
import { isEmpty, listOf } from './fields.ts';
import { validateNames, validateNetworking } from './metadata.ts';

const PROTOCOLS = ['http1', 'h2c'];

export function validatePodAutoscaler(autoscaler: PodAutoscaler, context: ServingContext): FieldError[] {
  const { metadata } = autoscaler;
  const spec: Partial<PodAutoscaler['spec']> = autoscaler.spec ?? {};
  const { allowContainerConcurrencyZero, containerConcurrencyMax } = context.defaults;
  const { containerConcurrency = 0, protocolType } = spec;
  const least = allowContainerConcurrencyZero ? 0 : 1;
  return [
    ...validateNames(metadata),
    ...viaField('metadata.annotations', validateAutoscaling(metadata.annotations, context.autoscaler)),
    ...(isEmpty(spec)
      ? [missingField('spec')]
      : viaField('spec', [
          ...viaField('scaleTargetRef', disallowedInReference(spec.scaleTargetRef)),
          ...(containerConcurrency < least || containerConcurrency > containerConcurrencyMax
            ? [outOfBounds(containerConcurrency, least, containerConcurrencyMax, 'containerConcurrency')]
            : []),
          ...viaField('protocolType', validateProtocol(protocolType)),
        ])),
  ];
}

export function validateMetric({ metadata, spec }: Metric, context: ServingContext): FieldError[] {
  return [
    ...validateNames(metadata),
    ...viaField('metadata.annotations', validateAutoscaling(metadata.annotations, context.autoscaler)),
    ...(isEmpty(spec) ? [missingField('spec')] : []),
  ];
}

export function validateServerlessService({ metadata, spec }: ServerlessService): FieldError[] {
  const annotations = viaField('annotations', validateNetworking(metadata.annotations));
  if (isEmpty(spec)) return [...annotations, missingField('spec')];
  return [
    ...annotations,
    ...viaField('spec', [
      ...(spec.mode === undefined
        ? [missingField('mode')]
        : spec.mode === 'Serve' || spec.mode === 'Proxy'
          ? []
          : [invalidValue(spec.mode, 'mode')]),
      ...(spec.numActivators !== undefined && spec.numActivators < 0
        ? [invalidValue(spec.numActivators, 'numActivators')]
        : []),
      ...viaField('objectRef', disallowedInReference(spec.objectRef)),
      ...viaField('protocolType', validateProtocol(spec.protocolType)),
    ]),
  ];
}

export function validateCertificate({ spec }: Certificate): FieldError[] {
  const { dnsNames, secretName = '', domain = '' } = spec ?? {};
  const names = listOf(dnsNames);
  const belongs = names.some((name) => name === domain || name.endsWith(`.${domain}`));
  return viaField('spec', [
    ...(names.length === 0 ? [missingField('dnsNames')] : []),
    ...names.flatMap((name, i) => (name === '' ? [invalidValue('', `dnsNames[${i}]`)] : [])),
    ...(secretName === '' ? [missingField('secretName')] : []),
    ...(domain !== '' && names.length > 0 && !belongs
      ? [invalidValue('domain', 'domain must be a suffix of, or match exactly, at least one entry in dnsNames')]
      : []),
  ]);
}

function validateProtocol(protocol: string | undefined): FieldError[] {
  if (protocol === undefined || protocol === '') return [missingField('')];
  return PROTOCOLS.includes(protocol) ? [] : [invalidValue(protocol, '')];
}
