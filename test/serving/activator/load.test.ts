import t from 'tap';
import { LoadMeter } from '../../../serving/activator/load.ts';

void t.test('the mean is weighted by time, arrivals are a rate', async (t) => {
  const meter = new LoadMeter(0);
  meter.arrive(0);
  meter.arrive(500);
  meter.leave(750);
  t.same(meter.take(1000), { concurrency: 1.25, rps: 2 });
  t.same(meter.take(2000), { concurrency: 1, rps: 0 }, 'one is still here');
  meter.leave(2000);
  t.same(meter.take(4000), { concurrency: 0, rps: 0 });
  t.equal(meter.present, 0);
});

void t.test('what a wake told is left out once, and never below zero', async (t) => {
  const meter = new LoadMeter(0);
  for (let i = 0; i < 3; i++) meter.arrive(0);
  meter.told();
  t.same(meter.take(1000), { concurrency: 2, rps: 2 });
  t.same(meter.take(2000), { concurrency: 3, rps: 0 });
  const short = new LoadMeter(0);
  short.arrive(0);
  short.told();
  short.leave(10);
  t.same(short.take(1000), { concurrency: 0, rps: 0 });
});

void t.test('requests are counted on when the clock is set back', async (t) => {
  const meter = new LoadMeter(3_600_000);
  meter.arrive(3_600_000);
  t.same(meter.take(1000), { concurrency: 1, rps: 1 }, 'an hour earlier');
  t.same(meter.take(2000), { concurrency: 1, rps: 0 });
  meter.leave(2500);
  t.same(meter.take(3000), { concurrency: 0.5, rps: 0 });
});
