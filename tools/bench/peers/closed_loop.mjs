// Keeps so many operations under way, and measures those that end in the measured time.
export async function closedLoop({ seconds, warmup, inFlight }, operation) {
  const measured = performance.now() + warmup * 1000;
  const end = measured + seconds * 1000;
  const times = [];
  let firstError = null;
  let errors = 0;
  const one = async () => {
    while (performance.now() < end) {
      const began = performance.now();
      try {
        await operation();
      } catch (error) {
        errors += 1;
        firstError ??= String(error);
        if (errors > 100 && times.length === 0) throw new Error(`it always fails: ${firstError}`);
        continue;
      }
      const now = performance.now();
      if (now >= measured && now < end) times.push(now - began);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  times.sort((a, b) => a - b);
  const percentile = (p) => times[Math.min(times.length - 1, Math.floor(p * times.length))] ?? null;
  return { rate: times.length / seconds, p50_ms: percentile(0.5), p99_ms: percentile(0.99), errors, firstError };
}
