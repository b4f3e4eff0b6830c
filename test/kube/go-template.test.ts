import t from 'tap';
import { HttpHeader } from '../../kube/go-template/http-header.ts';
import { compileGoTemplate } from '../../kube/go-template/template.ts';

const uri = `/x?q=<b>'"&=`;
const DATA = {
  Name: 'hello',
  Domain: 'example.com',
  Labels: { 'a/b': 'c', team: 'red' },
  Request: {
    UserAgent: 'curl/8 "x"\n',
    RequestURI: uri,
    Header: new HttpHeader(['x-one', 'v1', 'X-One', 'v2']),
    ContentLength: 0,
  },
  Response: { Code: 200, Latency: 0.00001234 },
};

// What Go 1.26's text/template prints for the same data.
void t.test('templates print what Go prints', (t) => {
  const table: [string, string][] = [
    ['{{.Name}}.{{.Domain}}', 'hello.example.com'],
    ['a {{- .Name -}}  b', 'ahellob'],
    ['{{/* why */}}x', 'x'],
    ['{{index .Labels "team"}}{{index .Labels `a/b`}}', 'redc'],
    ['{{.Labels.team}}|{{.Labels.none}}|{{index .Labels "none"}}', 'red|<no value>|'],
    ['{{if .Labels.none}}a{{else if eq .Name "hello"}}b{{else}}c{{end}}', 'b'],
    ['{{if .Labels.none}}a{{else if eq .Name "x"}}b{{else}}c{{end}}', 'c'],
    ['{{if not .Labels.none}}y{{end}}', 'y'],
    ['{{js .Request.RequestURI}}', `/x?q\\u003D\\u003Cb\\u003E\\'\\"\\u0026\\u003D`],
    ['{{html .Request.RequestURI}}', '/x?q=&lt;b&gt;&#39;&#34;&amp;='],
    ['{{urlquery .Request.RequestURI}}', '%2Fx%3Fq%3D%3Cb%3E%27%22%26%3D'],
    ['{{js .Request.UserAgent}}', 'curl/8 \\"x\\"\\u000A'],
    ['{{index .Request.Header "X-One"}}', '[v1 v2]'],
    ['{{index .Request.Header "X-B3-Traceid"}}', '[]'],
    ['{{.Request.Header.Get "x-one"}}', 'v1'],
    ['{{.Response.Code}} {{.Response.Latency}} {{.Request.ContentLength}}', '200 1.234e-05 0'],
    ['{{"a}}b"}}', 'a}}b'],
    ['{{len .Name}} {{not .Labels}} {{and .Name .Domain}} {{or .Labels.none .Name}}', '5 false example.com hello'],
    ['{{eq (len .Name) 5}} {{ne .Name "x"}} {{eq .Name "a" "hello"}}', 'true true true'],
    ['{{.Domain | print "a" | js | html}}', 'aexample.com'],
    ['{{.Labels}} {{1}} {{true}} {{1.5}}', 'map[a/b:c team:red] 1 true 1.5'],
  ];
  for (const [source, expected] of table)
    t.equal(compileGoTemplate(source, { name: 'x' }).render(DATA), expected, source);
  t.end();
});

void t.test('a template that cannot be used says why', (t) => {
  const table: [string, RegExp][] = [
    ['{{.Name', /unclosed action/],
    ['{{end}}', /unexpected \{\{end\}\}/],
    ['{{if .Name}}x', /unexpected EOF/],
    ['{{if .Name}}x{{else}}y', /unexpected EOF/],
    ['{{nope .Name}}', /function "nope" not defined/],
    ['{{range .Labels}}{{end}}', /function "range" not defined/],
    ['{{}}', /missing value for command/],
    ['{{(.Name}}', /unclosed left paren/],
    ['{{.Name)}}', /unexpected "\)"/],
    ['{{$x := .Name}}', /not defined/],
  ];
  for (const [source, error] of table) t.throws(() => compileGoTemplate(source, { name: 'x' }), error, source);
  const running: [string, RegExp][] = [
    ['{{.Nope}}', /can't evaluate field Nope/],
    ['{{.Name.Foo}}', /can't evaluate field Foo/],
    ['{{.Name .Domain}}', /Name has arguments but cannot be invoked as function/],
    ['{{index .Name "x"}}', /error calling index/],
  ];
  for (const [source, error] of running)
    t.throws(() => compileGoTemplate(source, { name: 'x' }).render(DATA), error, source);
  t.end();
});
