// node get_access_token.mjs CREDENTIAL_FILE NAME_OF_THE_TOKEN   prints the access token

import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { Kafka, logLevel } from "kafkajs";

import { loadCredential } from "./credential.mjs";
import { decode, encode, sign, verify } from "./message.mjs";
import { openSealed } from "./sealed.mjs";

const DEADLINE = 10_000; // milliseconds
const ASK_AGAIN_AFTER = [1_000, 2_000, 4_000]; // after the first try, each at the next partition: another replica

async function getAccessToken(credential, name, minValidity) {
  const { key, prefix } = credential;
  const kafka = new Kafka({ clientId: "grantkeeper-node", brokers: credential.brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const producer = kafka.producer();
  // kafkajs reads in groups only: one of our own, which commits nothing and reads the short topic from its start. Old
  // answers have other correlation ids.
  const consumer = kafka.consumer({ groupId: `${prefix}${key.signer}.${randomUUID()}` });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  try {
    await Promise.all([admin.connect(), producer.connect(), consumer.connect()]);
    await consumer.subscribe({ topic: `${prefix}replies.${key.signer}`, fromBeginning: true });
    let question;
    const answer = new Promise((resolve) => {
      const eachMessage = async ({ topic, message }) => {
        const reply = question && answerIn(topic, message, question, key);
        if (reply) resolve(reply);
      };
      consumer.run({ autoCommit: false, eachMessage });
    });
    await joined; // a broker lets a new group wait some seconds; the deadline starts after that
    question = ask(credential, name, minValidity);
    const partitions = (await admin.fetchTopicMetadata({ topics: [question.topic] })).topics[0].partitions.length;
    return readAnswer(await exchange(producer, question, partitions, answer), question, credential);
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect(), consumer.disconnect()]);
  }
}

function ask(credential, name, minValidity) {
  const time = new Date();
  const message = {
    topic: `${credential.prefix}token.requests`,
    id: randomUUID(),
    type: "grantkeeper.token.get.v1",
    source: `/principals/${credential.key.signer}`,
    time,
    expirytime: new Date(time.getTime() + DEADLINE),
    correlationId: randomUUID(),
    value: Buffer.from(JSON.stringify({ config: name, min_validity: minValidity })),
  };
  return sign(message, credential.key);
}

// The same bytes each time: the id makes asking twice the same as asking once.
async function exchange(producer, question, partitions, answer) {
  const first = randomInt(partitions);
  let waited = 0;
  for (const [number, until] of [...ASK_AGAIN_AFTER, DEADLINE].entries()) {
    const partition = (first + number) % partitions;
    const message = { partition, key: null, value: question.value, headers: encode(question) };
    await producer.send({ topic: question.topic, messages: [message], acks: -1 });
    const reply = await Promise.race([answer, sleep(until - waited, null, { ref: false })]);
    if (reply) return reply;
    waited = until;
  }
  throw new Error("no answer: is the refresher running? was the message refused (look at the dead letters)?");
}

// A reply carries the asker's own signature: nobody else can answer. Anything else on the topic is not for us.
function answerIn(topic, record, question, key) {
  if (record.headers?.correlation_id?.toString() !== question.correlationId) return null;
  try {
    const reply = decode(topic, record);
    return reply.type === "grantkeeper.reply.v1" && verify(reply, key) ? JSON.parse(reply.value) : null;
  } catch {
    return null;
  }
}

function readAnswer({ ok, result, error }, question, credential) {
  if (!ok) throw new Error(`${error.code}: ${error.message}`);
  return openSealed(result.access_token, credential.sealingKey, {
    config_id: result.config_id,
    generation: `${result.generation}`,
    expires_at: new Date(result.expires_at).toISOString(),
    correlation_id: question.correlationId,
  });
}

const [file, name] = process.argv.slice(2);
try {
  if (!name) throw new Error("say: node get_access_token.mjs CREDENTIAL_FILE NAME_OF_THE_TOKEN");
  console.log(await getAccessToken(loadCredential(file), name, 60));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
