/** Validation of Service, Endpoints, EndpointSlice and Ingress. Source: the Kubernetes API reference. */
import { isIP } from 'node:net';
import { dns1123Label, dns1123Subdomain } from '../schema/names.ts';
import { checkLabels } from '../schema/object-meta.ts';
import { duplicate, forbidden, invalid, required, type FieldProblem } from '../schema/problems.ts';
import {
  checkName,
  checkOneOf,
  checkPortNumber,
  checkPortReference,
  fieldAt,
  IMMUTABLE,
  itemsAt,
  textAt,
} from './check.ts';
import type { Fields } from './fill.ts';
import { textsOf } from './validate-pod.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const SERVICE_TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const NOT_AN_IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

export function validateService(object: Fields, old: Fields | undefined): FieldProblem[] {
  const spec = fieldAt(object, 'spec');
  const problems: FieldProblem[] = [];
  const type = textAt(spec, 'type');
  const clusterIP = textAt(spec, 'clusterIP');
  const ports = itemsAt(spec, 'ports');
  const headless = clusterIP === 'None';
  if (ports.length === 0 && !headless && type !== 'ExternalName') problems.push(required('spec.ports'));
  checkServicePorts(ports, problems);
  checkLabels(textsOf(spec.selector), 'spec.selector', problems);
  checkOneOf(spec.sessionAffinity, ['ClientIP', 'None'], 'spec.sessionAffinity', problems);
  checkOneOf(spec.type, SERVICE_TYPES, 'spec.type', problems);
  if (type === 'ExternalName') {
    const name = textAt(spec, 'externalName').replace(/\.$/, '');
    if (name === '') problems.push(required('spec.externalName'));
    else checkName(dns1123Subdomain, name, 'spec.externalName', problems);
    if (clusterIP !== '') problems.push(forbidden('spec.clusterIPs[0]', 'may not be set for ExternalName services'));
  } else if (clusterIP !== '' && !headless && isIP(clusterIP) === 0) {
    problems.push(invalid('spec.clusterIPs[0]', clusterIP, NOT_AN_IP));
  }
  if (headless && (type === 'NodePort' || type === 'LoadBalancer'))
    problems.push(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`));
  const before = fieldAt(old, 'spec');
  const was = textAt(before, 'clusterIP');
  if (was !== '' && clusterIP !== was && type !== 'ExternalName' && before.type !== 'ExternalName')
    problems.push(invalid('spec.clusterIPs[0]', clusterIP, 'may not change once set'));
  return problems;
}

function checkServicePorts(ports: readonly Fields[], problems: FieldProblem[]): void {
  const names = new Set<string>();
  const numbers = new Set<string>();
  ports.forEach((port, index) => {
    const at = `spec.ports[${index}]`;
    const name = textAt(port, 'name');
    if (name === '') {
      if (ports.length > 1) problems.push(required(`${at}.name`));
    } else {
      checkName(dns1123Label, name, `${at}.name`, problems);
      if (names.has(name)) problems.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    checkPortNumber(port.port, `${at}.port`, problems);
    checkOneOf(port.protocol, PROTOCOLS, `${at}.protocol`, problems);
    checkPortReference(port.targetPort, `${at}.targetPort`, problems);
    const key = `${String(port.protocol)}/${String(port.port)}`;
    if (numbers.has(key)) problems.push(duplicate(at, { port: port.port, protocol: port.protocol }));
    numbers.add(key);
  });
}

export function validateEndpoints(object: Fields): FieldProblem[] {
  const problems: FieldProblem[] = [];
  itemsAt(object, 'subsets').forEach((subset, index) => {
    const at = `subsets[${index}]`;
    const addresses = itemsAt(subset, 'addresses');
    const notReady = itemsAt(subset, 'notReadyAddresses');
    if (addresses.length + notReady.length === 0)
      problems.push(required(at, 'must specify `addresses` or `notReadyAddresses`'));
    for (const [list, items] of [
      ['addresses', addresses],
      ['notReadyAddresses', notReady],
    ] as const)
      items.forEach((address, i) => {
        if (isIP(textAt(address, 'ip')) === 0)
          problems.push(invalid(`${at}.${list}[${i}].ip`, textAt(address, 'ip'), NOT_AN_IP));
      });
    const ports = itemsAt(subset, 'ports');
    ports.forEach((port, i) => {
      const name = textAt(port, 'name');
      if (name === '' && ports.length > 1) problems.push(required(`${at}.ports[${i}].name`));
      else if (name !== '') checkName(dns1123Label, name, `${at}.ports[${i}].name`, problems);
      checkPortNumber(port.port, `${at}.ports[${i}].port`, problems);
      checkOneOf(port.protocol, PROTOCOLS, `${at}.ports[${i}].protocol`, problems);
    });
  });
  return problems;
}

export function validateEndpointSlice(object: Fields, old: Fields | undefined): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const type = object.addressType;
  checkOneOf(type, ['FQDN', 'IPv4', 'IPv6'], 'addressType', problems);
  if (old !== undefined && old.addressType !== type) problems.push(invalid('addressType', type, IMMUTABLE));
  itemsAt(object, 'endpoints').forEach((endpoint, index) => {
    const at = `endpoints[${index}].addresses`;
    const addresses = Array.isArray(endpoint.addresses) ? (endpoint.addresses as unknown[]) : [];
    if (addresses.length === 0) problems.push(required(at, 'must contain at least 1 address'));
    addresses.forEach((address, i) => {
      const family = isIP(String(address));
      if ((type === 'IPv4' && family !== 4) || (type === 'IPv6' && family !== 6))
        problems.push(invalid(`${at}[${i}]`, address, `must be an ${type} address`));
    });
  });
  const names = new Set<string>();
  itemsAt(object, 'ports').forEach((port, index) => {
    const name = textAt(port, 'name');
    if (names.has(name)) problems.push(duplicate(`ports[${index}].name`, name));
    names.add(name);
    if (name !== '') checkName(dns1123Label, name, `ports[${index}].name`, problems);
    checkOneOf(port.protocol, PROTOCOLS, `ports[${index}].protocol`, problems);
  });
  return problems;
}

export function validateIngress(object: Fields): FieldProblem[] {
  const spec = fieldAt(object, 'spec');
  const problems: FieldProblem[] = [];
  const rules = itemsAt(spec, 'rules');
  if (rules.length === 0 && spec.defaultBackend === undefined)
    problems.push(invalid('spec', rules, 'either `defaultBackend` or `rules` must be specified'));
  rules.forEach((rule, index) => {
    itemsAt(fieldAt(rule, 'http'), 'paths').forEach((path, i) => {
      const at = `spec.rules[${index}].http.paths[${i}]`;
      checkOneOf(path.pathType, ['Exact', 'ImplementationSpecific', 'Prefix'], `${at}.pathType`, problems);
      if (path.pathType !== 'ImplementationSpecific' && !textAt(path, 'path').startsWith('/'))
        problems.push(invalid(`${at}.path`, textAt(path, 'path'), 'must be an absolute path'));
    });
  });
  return problems;
}
