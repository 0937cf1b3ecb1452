import { readdir, readFile } from 'node:fs/promises';

/** Linux tells a process's time in hundredths of a second, whatever the kernel's own clock. */
const ticksPerSecond = 100;

interface Process {
  readonly name: string;
  readonly parent: string;
  /** Ticks of its own, and of its children that ended. */
  readonly own: number;
  readonly ended: number;
}

/**
 * How much processor time the database server has used so far: the postmaster, its processes, and those that ended. Other work on
 * the machine stretches wall time, and leaves this nearly as it is.
 * @param sql a connection to the server
 * @returns seconds; null where the server runs elsewhere or the system has no /proc
 */
export async function serverCpuSeconds(sql: {
  query: (text: string) => Promise<{ rows: { pid: number }[] }>;
}): Promise<number | null> {
  const { rows } = await sql.query('select pg_backend_pid() as pid');
  const backend = await readProcess(String(rows[0]?.pid));
  const postmaster = backend === null ? null : await readProcess(backend.parent);
  // The number of a server in a container is another program's here.
  if (backend?.name !== 'postgres' || postmaster?.name !== 'postgres') return null;
  const others = await Promise.all(
    (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(readProcess),
  );
  const children = others.filter((other) => other?.parent === backend.parent);
  const ticks = children.reduce((sum, child) => sum + (child?.own ?? 0), postmaster.own + postmaster.ended);
  return ticks / ticksPerSecond;
}

/** What proc_pid_stat(5) says of a process; null where there is none. */
async function readProcess(pid: string): Promise<Process | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (text === null) return null;
  // The name, in parentheses, may hold spaces.
  const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = (at: number) => Number(fields[at]);
  return { name, parent: fields[1] ?? '', own: ticks(11) + ticks(12), ended: ticks(13) + ticks(14) };
}
