import { readFile, writeFile } from 'node:fs/promises';

/** Linux tells a process's time in hundredths of a second. */
const ticksPerSecond = 100;

/** The most memory that a process held since its peak was reset, and the processor time that it has used so far. */
export async function processFigures(
  pid: number,
): Promise<{ readonly peakRssMb: number; readonly cpuSeconds: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // After the name in brackets: state is the first, user and system time the 12th and 13th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    peakRssMb: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
  };
}

/** From now on the peak is that of what comes. */
export const resetPeak = (pid: number): Promise<void> => writeFile(`/proc/${pid}/clear_refs`, '5');
