export async function* seasons() {}
