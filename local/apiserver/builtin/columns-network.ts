/** Columns of services, endpoints and ingresses. */
import { fieldAt, itemsAt, textAt } from './check.ts';
import { endpointsText, externalIps, listed, portsText, slicePorts, withMore } from './network-row.ts';
import { age, labelsText, orNone, printer, selectorText, spec, status, type Printer } from './printer.ts';

export const NETWORK_PRINTERS: Readonly<Record<string, Printer>> = {
  '/services': printer('Type|Cluster-IP|External-IP|Port(s)|Age|Selector*', (object, now) => [
    textAt(spec(object), 'type'),
    orNone(textAt(spec(object), 'clusterIP')),
    externalIps(object),
    portsText(itemsAt(spec(object), 'ports')),
    age(object, now),
    labelsText(fieldAt(spec(object), 'selector')),
  ]),
  '/endpoints': printer('Endpoints|Age', (object, now) => [endpointsText(object), age(object, now)]),
  'discovery.k8s.io/endpointslices': printer('AddressType|Ports|Endpoints|Age', (object, now) => {
    const addresses = itemsAt(object, 'endpoints').flatMap((endpoint) => listed(endpoint.addresses));
    return [
      textAt(object, 'addressType'),
      slicePorts(itemsAt(object, 'ports')),
      addresses.length === 0 ? '<unset>' : withMore(addresses),
      age(object, now),
    ];
  }),
  'networking.k8s.io/ingresses': printer('Class|Hosts|Address|Ports|Age', (object, now) => {
    const hosts = itemsAt(spec(object), 'rules')
      .map((rule) => textAt(rule, 'host'))
      .filter((host) => host !== '');
    const addresses = itemsAt(fieldAt(status(object), 'loadBalancer'), 'ingress').map(
      (one) => textAt(one, 'ip') || textAt(one, 'hostname'),
    );
    return [
      orNone(textAt(spec(object), 'ingressClassName')),
      hosts.length === 0 ? '*' : withMore(hosts),
      addresses.join(','),
      itemsAt(spec(object), 'tls').length > 0 ? '80, 443' : '80',
      age(object, now),
    ];
  }),
  'networking.k8s.io/ingressclasses': printer('Controller|Parameters|Age', (object, now) => [
    textAt(spec(object), 'controller'),
    '<none>',
    age(object, now),
  ]),
  'networking.k8s.io/networkpolicies': printer('Pod-Selector|Age', (object, now) => [
    selectorText(fieldAt(spec(object), 'podSelector')),
    age(object, now),
  ]),
};
