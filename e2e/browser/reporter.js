// Prints each test in a line, what was measured, what failed in full, and the sum.

export default async function* report(events) {
  let passed = 0;
  let failed = 0;
  for await (const { type, data } of events) {
    if (data.skip !== undefined) continue;
    if (type === "test:pass") {
      passed += 1;
      yield `ok      ${data.name} (${Math.round(data.details.duration_ms)} ms)\n`;
    } else if (type === "test:fail") {
      failed += 1;
      yield `FAILED  ${data.name}\n${data.details.error.cause?.stack ?? data.details.error}\n`;
    } else if (type === "test:diagnostic" && data.file !== undefined) {
      yield `        ${data.message}\n`;
    }
  }
  yield `${passed} passed, ${failed} failed\n`;
}
