import t from 'tap';
import { Answers, casesOf, inFull } from './cases.ts';

const themes = await casesOf('refused');
const answers = await Answers.open();
t.teardown(() => answers.close());

for (const [theme, cases] of themes)
  t.test(`what is wrong is refused, and says where: ${theme}`, async (t) => {
    for (const one of cases) {
      const { refused } = await answers.answer(one);
      t.equal(refused, inFull(one.says ?? one.schema ?? ''), one.name);
    }
  });

t.test('there are more than two hundred of them', (t) => {
  t.ok([...themes.values()].flat().length > 200);
  t.end();
});
