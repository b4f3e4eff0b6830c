/** The internal kinds: PodAutoscaler, Ingress, ServerlessService, Certificate. Source: reference section 1.2. */
import type { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import { invalidValue, missingField, outOfBounds, viaField, type FieldError } from '../../../api/field-error.ts';
import type { Certificate } from '../../../api/networking/certificate.ts';
import type { Ingress, IngressPath, IngressRule } from '../../../api/networking/ingress.ts';
import type { ServerlessService } from '../../../api/networking/serverless-service.ts';
import { validateAutoscaling } from './autoscaling.ts';
import type { ServingContext } from './context.ts';
import { disallowedInReference } from './reference.ts';
import { fieldError, listOf, viaFieldIndex } from './fields.ts';
import { validateNames } from './metadata.ts';

const PROTOCOLS = ['http1', 'h2c'];

export function validatePodAutoscaler(autoscaler: PodAutoscaler, context: ServingContext): FieldError[] {
  const { metadata, spec } = autoscaler;
  const { allowContainerConcurrencyZero, containerConcurrencyMax } = context.defaults;
  const { containerConcurrency = 0, protocolType } = spec;
  const least = allowContainerConcurrencyZero ? 0 : 1;
  return [
    ...validateNames(metadata),
    ...viaField('metadata.annotations', validateAutoscaling(metadata.annotations, context.autoscaler)),
    ...viaField('spec', [
      ...viaField('scaleTargetRef', disallowedInReference(spec.scaleTargetRef)),
      ...(containerConcurrency < least || containerConcurrency > containerConcurrencyMax
        ? [outOfBounds(containerConcurrency, least, containerConcurrencyMax, 'containerConcurrency')]
        : []),
      ...validateProtocol(protocolType),
    ]),
  ];
}

export function validateServerlessService({ spec }: ServerlessService): FieldError[] {
  return viaField('spec', [
    ...(spec.mode === undefined
      ? [missingField('mode')]
      : spec.mode === 'Serve' || spec.mode === 'Proxy'
        ? []
        : [invalidValue(spec.mode, 'mode')]),
    ...(spec.numActivators !== undefined && spec.numActivators < 0
      ? [invalidValue(spec.numActivators, 'numActivators')]
      : []),
    ...viaField('objectRef', disallowedInReference(spec.objectRef)),
    ...validateProtocol(spec.protocolType),
  ]);
}

export function validateIngress({ metadata, spec }: Ingress): FieldError[] {
  const rules = listOf(spec.rules);
  return viaField('spec', [
    ...(rules.length === 0 ? [missingField('rules')] : []),
    ...rules.flatMap((rule, i) => viaFieldIndex('rules', i, validateRule(rule, metadata.namespace))),
    ...listOf(spec.tls).flatMap((tls, i) =>
      viaFieldIndex('tls', i, [
        ...((tls.secretName ?? '') === '' ? [missingField('secretName')] : []),
        ...((tls.secretNamespace ?? '') === '' ? [missingField('secretNamespace')] : []),
      ]),
    ),
  ]);
}

function validateRule({ http }: IngressRule, namespace: string | undefined): FieldError[] {
  if (http === undefined) return [missingField('http')];
  const paths = listOf(http.paths);
  if (paths.length === 0) return [missingField('http.paths')];
  return paths.flatMap((path, i) => viaFieldIndex('http.paths', i, validatePath(path, namespace)));
}

function validatePath({ splits: given }: IngressPath, namespace: string | undefined): FieldError[] {
  const splits = listOf(given);
  if (splits.length === 0) return [missingField('splits')];
  const total = splits.reduce((sum, { percent = 0 }) => sum + percent, 0);
  const errors = splits.flatMap((split, i) =>
    viaFieldIndex('splits', i, [
      ...((split.serviceName ?? '') === '' ? [missingField('serviceName')] : []),
      ...((split.serviceNamespace ?? '') === ''
        ? [missingField('serviceNamespace')]
        : namespace !== undefined && split.serviceNamespace !== namespace
          ? [fieldError('service namespace must match ingress namespace', ['serviceNamespace'])]
          : []),
      ...(split.servicePort === undefined || split.servicePort === 0 || split.servicePort === ''
        ? [missingField('servicePort')]
        : []),
      ...((split.percent ?? 0) < 0 || (split.percent ?? 0) > 100 ? [invalidValue(split.percent, 'percent')] : []),
    ]),
  );
  if (total !== 100 && !(splits.length === 1 && total === 0))
    errors.push(fieldError(`traffic split percentage must total to 100, but was ${total}`, ['splits']));
  return errors;
}

export function validateCertificate({ spec }: Certificate): FieldError[] {
  const names = listOf(spec.dnsNames);
  return viaField('spec', [
    ...(names.length === 0 ? [missingField('dnsNames')] : []),
    ...names.flatMap((name, i) => (name === '' ? [invalidValue('', `dnsNames[${i}]`)] : [])),
    ...((spec.secretName ?? '') === '' ? [missingField('secretName')] : []),
    ...(spec.domain !== undefined && spec.domain !== '' && !names.some((name) => name.endsWith(spec.domain ?? ''))
      ? [invalidValue(spec.domain, 'domain')]
      : []),
  ]);
}

function validateProtocol(protocol: string | undefined): FieldError[] {
  if (protocol === undefined || protocol === '') return [missingField('protocolType')];
  return PROTOCOLS.includes(protocol) ? [] : [invalidValue(protocol, 'protocolType')];
}
