//! The steps on a challenge: find, open, guess.

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{challenge_of, number, text};
use super::{Table, TableError, Write};
use crate::address::Recipient;
use crate::challenge::{Challenge, ChallengeId, Digest};
use crate::guess::Guess;
use crate::keys::Keys;

impl Table {
    /// Looks for the challenge `id` of the recipient, dead or alive.
    ///
    /// The functions may do nothing but `UpdateItem`, so this is one as well, which notes that it was asked for.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer or holds something else.
    pub async fn find(
        &self,
        keys: &Keys,
        recipient: &Recipient,
        id: ChallengeId,
        now: i64,
    ) -> Result<Option<Challenge>, TableError> {
        let update = self
            .update(keys.challenge_pk(recipient, id))
            .update_expression("SET last_asked_at = :now")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", number(&now));
        match Write::of("find a challenge", update.send().await)? {
            Write::Done(item) => Ok(Some(challenge_of(&item)?)),
            Write::Refused(_) => Ok(None),
        }
    }

    /// Opens `challenge` under `id`. Where one stands already, it is this one, opened by a try whose answer was lost.
    ///
    /// From then on it takes guesses, so this comes after its mail, which was charged.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer.
    pub async fn open(
        &self,
        keys: &Keys,
        recipient: &Recipient,
        id: ChallengeId,
        challenge: &Challenge,
    ) -> Result<(), TableError> {
        let update = self
            .update(keys.challenge_pk(recipient, id))
            .update_expression("SET opened_at = :opened_at, expires_at = :expires_at, code_digest = :code_digest")
            .condition_expression("attribute_not_exists(pk)")
            .expression_attribute_values(":opened_at", number(&challenge.opened_at))
            .expression_attribute_values(":expires_at", number(&challenge.expires_at))
            .expression_attribute_values(":code_digest", text(&challenge.code_digest.as_str()));
        Write::of("open a challenge", update.send().await)?;
        Ok(())
    }

    /// Hands in one guess, in one write whatever its outcome. None if there is no such challenge.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer or holds something else.
    pub async fn guess(
        &self,
        keys: &Keys,
        recipient: &Recipient,
        id: ChallengeId,
        guess: &Digest,
        now: i64,
        max_guesses: usize,
    ) -> Result<Option<Guess>, TableError> {
        let update = self
            .update(keys.challenge_pk(recipient, id))
            .update_expression("ADD guesses :guesses SET last_guess = :guess, last_guess_at = :now")
            .condition_expression(
                "expires_at > :now AND (attribute_not_exists(guesses) \
                 OR (size(guesses) < :max_guesses AND NOT contains(guesses, code_digest)))",
            )
            .expression_attribute_values(":guesses", AttributeValue::Ss(vec![guess.as_str().to_owned()]))
            .expression_attribute_values(":guess", text(&guess.as_str()))
            .expression_attribute_values(":now", number(&now))
            .expression_attribute_values(":max_guesses", number(&max_guesses));
        match Write::of("take a guess", update.send().await)? {
            Write::Done(item) => Ok(Some(Guess::Taken(challenge_of(&item)?))),
            Write::Refused(Some(item)) => Ok(Some(Guess::Refused(challenge_of(&item)?))),
            Write::Refused(None) => Ok(None),
        }
    }
}
