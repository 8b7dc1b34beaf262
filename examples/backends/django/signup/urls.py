from django.urls import path

from signup import views

urlpatterns = [
    path("challenge", views.challenge),
    path("sign-up", views.sign_up),
    path("sign-in", views.sign_in),
]
