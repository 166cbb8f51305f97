// What the node answers. An error is Kafka's: its name and its words.

const answered = async (answer) => {
  let body;
  try { body = await answer.json(); } catch { body = { error: { name: "Error", message: `the node answered ${answer.status}` } }; }
  if (!answer.ok) throw Object.assign(new Error(body.error.message), { name: body.error.name, status: answer.status });
  return body;
};

export const query = (parameters) => {
  const given = Object.entries(parameters).filter(([, value]) => value != null && value !== "");
  return new URLSearchParams(given).toString();
};

export const ask = async (path, parameters = {}) => answered(await fetch(`/console/api/${path}?${query(parameters)}`));

export const change = async (path, what) =>
  answered(await fetch(`/console/api/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-barnabas-console": "1" },
    body: JSON.stringify(what),
  }));
