import { countMemoryKills, peakMemoryBytes } from '../../../../container/worker/memory-kills';

test.each([
  ['/sys/fs/cgroup/memory.events', 'low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n', 2],
  ['/sys/fs/cgroup/memory/memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 5\n', 5],
  ['/proc/vmstat', 'drop_slab 0\noom_kill 7\nnuma_pte_updates 0\n', 7],
  ['/proc/vmstat', '', 0],
])('memory kills are counted from %s', (file, text, count) => {
  expect(countMemoryKills((path) => (path === file ? text : ''))).toBe(count);
});

test('peak memory is in bytes for a process and undefined for none', () => {
  const status = 'Name:\tblender\nVmHWM:\t  204800 kB\nVmRSS:\t  1000 kB\n';
  expect(peakMemoryBytes(7, (path) => (path === '/proc/7/status' ? status : ''))).toBe(204_800 * 1024);
  expect(peakMemoryBytes(7, () => '')).toBeUndefined();
});
