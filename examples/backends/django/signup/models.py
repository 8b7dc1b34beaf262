import time

from django.db import models, transaction


class Account(models.Model):
    email = models.EmailField(max_length=320, unique=True)

    @classmethod
    def create(cls, claims):
        """Stores the account and `jti`, or neither if one of them is there already. Returns whether it did."""
        with transaction.atomic():
            # Put further columns into `defaults`. Do not catch IntegrityError instead: a missing value of another
            # column would look like a duplicate.
            is_new = UsedProof.use(claims) and cls.objects.get_or_create(email=claims["email"])[1]
            if not is_new:
                transaction.set_rollback(True)
        return is_new


class UsedProof(models.Model):
    jti = models.CharField(max_length=64, primary_key=True)
    expires_at = models.BigIntegerField(db_index=True)

    @classmethod
    def use(cls, claims):
        """Stores `jti`. Returns False if it is there already."""
        return cls.objects.get_or_create(jti=claims["jti"], defaults={"expires_at": claims["exp"]})[1]

    @classmethod
    def delete_old(cls):
        """Call it once a day. It keeps a day more than `exp`, for clocks that differ."""
        cls.objects.filter(expires_at__lt=time.time() - 86400).delete()
